"""Answers that are repeated when a client posts the same request again with the same ``Idempotency-Key``.

Only a convenience for the client: what keeps a retry from counting twice are event ids, which the consumer checks. So an answer
may be forgotten at any time: the same events have the same ids and are found to be stored, others have others and are stored.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from millrace_core.errors import Conflict
from millrace_core.ids import is_no_id
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
            Conflict: ``idempotency_key_reused``: it was given for other events.
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


def name_of(key: str, rejected: int, records: Sequence[LogRecord], events: Sequence[NativeEvent | Refused]) -> bytes:
    """What names a request: its key, its tenants, how many of its events were refused, and the ids that the client gave.

    A key alone does not: another tenant may use the same one, a client that reuses a key for events with ids of their own has
    to have them stored, and so has one that mends what was refused.
    """
    digest = hashlib.blake2b(f"{key}\0{rejected}".encode(), digest_size=_DIGEST)
    for tenant in dict.fromkeys(record.tenant for record in records):
        digest.update(f"\0{tenant}".encode())
    for event in events:
        if isinstance(event, NativeEvent) and has_id(event):
            digest.update(f"\0\0{event.event_id}".encode("utf-8", "surrogatepass"))
    return digest.digest()


def has_id(event: NativeEvent) -> bool:
    """Whether the client gave the event an id that is one."""
    return event.event_id is not None and not is_no_id(str(event.event_id))


def content_of(events: Iterable[NativeEvent | Refused]) -> bytes:
    """What the events say, without what a client may say differently when it tries again."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for event in events:
        if isinstance(event, NativeEvent):
            digest.update(_encode(msgspec.structs.replace(event, sent_at=None, context=NOT_SENT)))
    return digest.digest()
