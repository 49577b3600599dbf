"""Answers that are repeated when a client posts the same request again with the same ``Idempotency-Key``.

Only a convenience for the client: what keeps a retry from counting twice are event ids, which the consumer checks. So the
store is small and in the process, and forgetting an answer costs nothing but the work.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from millrace_core.errors import Conflict
from millrace_eventlog.records import LogRecord
from millrace_ingestion.protocols.native import NOT_SENT, NativeEvent, Refused

_encode: Final = msgspec.json.Encoder().encode  # MessagePack has no integers above 64 bits
_SECONDS: Final = 24 * 3600.0
_LARGEST: Final = 4096  # bytes of an answer; with 10,000 answers the store stays under 45 MB


class Answers:
    """Answers by key and events, each for 24 hours, the oldest leaving first."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, bytes, bytes]] = OrderedDict()

    def find(self, name: bytes, content: bytes) -> bytes | None:
        """The answer given under this name, None when there is none or it is too old.

        Raises:
            Conflict: ``idempotency_key_reused``: other events got the same ids from the key, and would not be stored.
        """
        kept = self._kept.get(name)
        if kept is None or self._clock() - kept[0] >= _SECONDS:
            return None
        if kept[2] != content:
            raise Conflict("this Idempotency-Key was used for other events", code="idempotency_key_reused")
        return kept[1]

    def keep(self, name: bytes, content: bytes, answer: bytes) -> None:
        """Remember an answer. Call it only once the events are durable: an answer remembered before would be a loss."""
        if self._most == 0 or len(answer) > _LARGEST:
            return
        self._kept[name] = (self._clock(), answer, content)
        self._kept.move_to_end(name)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def name_of(key: str, rejected: int, records: Sequence[LogRecord]) -> bytes:
    """What names a request: its key and its events (tenants and ids).

    A key alone does not: another tenant may use the same one, and a client that reuses a key for events with ids of their own
    has to have them stored.
    """
    digest = hashlib.blake2b(f"{key}\0{rejected}".encode(), digest_size=16)
    for record in records:
        digest.update(f"\0{record.tenant}\0{record.event_id}".encode())
    return digest.digest()


def content_of(events: Sequence[NativeEvent | Refused]) -> bytes:
    """What the events say, without what a client may say differently when it tries again."""
    digest = hashlib.blake2b(digest_size=16)
    for event in events:
        if isinstance(event, NativeEvent):
            digest.update(_encode(msgspec.structs.replace(event, sent_at=None, context=NOT_SENT)))
    return digest.digest()
