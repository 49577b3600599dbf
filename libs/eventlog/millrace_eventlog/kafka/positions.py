"""The metadata of an offset commit: the intent, and what the record before the position looked like."""

from dataclasses import dataclass

import msgspec

from millrace_eventlog.records import Intent


class _Wire(msgspec.Struct, omit_defaults=True):
    v: int = 1
    """Version of this form."""
    k: int | None = None
    """CRC-32 of the record in front of the committed offset."""
    e: int | None = None
    """End of the intended batch, exclusive."""
    c: int = 0
    """Its checksum."""
    n: int = 0
    """Its records."""
    t: int = 0
    """When it was written down, milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition's consumer stands."""

    offset: int
    """First that is not in the warehouse."""
    before: int | None = None
    """CRC-32 of the record in front of it; None where there was none or it is not known."""
    intent: Intent | None = None

    @property
    def metadata(self) -> str:
        """As it is committed: under 120 bytes, of the 4,096 that a broker takes."""
        wire = _Wire(k=self.before)
        if self.intent is not None:
            wire.e, wire.c = self.intent.end, self.intent.crc32
            wire.n, wire.t = self.intent.count, self.intent.written_at
        return msgspec.json.encode(wire).decode()

    @classmethod
    def read(cls, offset: int, metadata: str) -> "Position":
        """A committed offset with its metadata. What is not of this form (an operator moved the group) says nothing."""
        try:
            wire = msgspec.json.decode(metadata, type=_Wire)
        except msgspec.DecodeError:
            return cls(offset)
        intent = None if wire.e is None else Intent(wire.e, wire.c, wire.n, wire.t)
        return cls(offset, wire.k, intent)
