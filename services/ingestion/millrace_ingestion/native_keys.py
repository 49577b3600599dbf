"""The key of a request to the native routes: in its headers, or as ``write_key`` in its body, where a beacon cannot set
headers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from millrace_core.access import ALL_TENANTS
from millrace_ingestion.keys import Grant, OpenKeys, WriteKeys
from millrace_web.access import presented_in

Grants = Callable[[Mapping[bytes, bytes], bytes], Awaitable[Grant]]
"""From a request's headers and body to what its key allows; raises as ``WriteKeys.grant``."""

_BY_EVENTS: Final = Grant(ALL_TENANTS)


class _OnlyKey(msgspec.Struct):
    write_key: str = ""


_decode_key = msgspec.json.Decoder(_OnlyKey).decode


def native_grants(keys: WriteKeys) -> Grants:
    """In open mode the events are trusted to say whose they are, and no key is looked for."""
    if isinstance(keys, OpenKeys):
        return _trust

    async def ask(headers: Mapping[bytes, bytes], body: bytes) -> Grant:
        presented = presented_in(headers) or _key_in(body)
        return await keys.grant(presented, headers.get(b"origin", b"").decode("latin-1"))

    return ask


async def _trust(_: Mapping[bytes, bytes], __: bytes) -> Grant:
    return _BY_EVENTS


def _key_in(body: bytes) -> str:
    """Reads on behind the key, too: a body that is not JSON has none."""
    try:
        return _decode_key(body.removeprefix(b"\xef\xbb\xbf")).write_key
    except (ValueError, RecursionError):
        return ""
