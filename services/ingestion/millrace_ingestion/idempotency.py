"""Answers that are repeated when a client posts the same request again with the same ``Idempotency-Key``.

Only a convenience for the client: what keeps a retry from counting twice are event ids, which the consumer checks. So an answer
may be forgotten at any time, which costs nothing but the work.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from millrace_core.errors import Conflict
from millrace_eventlog.records import LogRecord
from millrace_ingestion.protocols.native import NOT_SENT, NativeEvent
from millrace_ingestion.protocols.reading import Refused
from millrace_records.cache.ports import Cache

_encode: Final = msgspec.json.Encoder().encode  # MessagePack has no integers above 64 bits
_LARGEST: Final = 4096  # bytes of an answer
_DIGEST: Final = 16


class Answers:
    """Answers by key and events.

    Args:
        seconds: how long each is kept; 0 keeps none.
    """

    def __init__(self, cache: Cache, seconds: float) -> None:
        self._cache = cache
        self._seconds = seconds

    async def find(self, name: bytes, content: bytes) -> bytes | None:
        """The answer given under this name, None when there is none or it is too old.

        Raises:
            Conflict: ``idempotency_key_reused``: other events got the same ids from the key, and would not be stored.
        """
        kept = await self._cache.get(_key(name))
        if kept is None:
            return None
        if kept[:_DIGEST] != content:
            raise Conflict("this Idempotency-Key was used for other events", code="idempotency_key_reused")
        return kept[_DIGEST:]

    async def keep(self, name: bytes, content: bytes, answer: bytes) -> None:
        """Remember an answer. Call it only once the events are durable: an answer remembered before would be a loss."""
        if self._seconds and len(answer) <= _LARGEST:
            await self._cache.put(_key(name), content + answer, self._seconds)


def _key(name: bytes) -> str:
    return f"answer:{name.hex()}"


def name_of(key: str, rejected: int, records: Sequence[LogRecord]) -> bytes:
    """What names a request: its key and its events (tenants and ids).

    A key alone does not: another tenant may use the same one, and a client that reuses a key for events with ids of their own
    has to have them stored.
    """
    digest = hashlib.blake2b(f"{key}\0{rejected}".encode(), digest_size=_DIGEST)
    for record in records:
        digest.update(f"\0{record.tenant}\0{record.event_id}".encode())
    return digest.digest()


def content_of(events: Sequence[NativeEvent | Refused]) -> bytes:
    """What the events say, without what a client may say differently when it tries again."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for event in events:
        if isinstance(event, NativeEvent):
            digest.update(_encode(msgspec.structs.replace(event, sent_at=None, context=NOT_SENT)))
    return digest.digest()
