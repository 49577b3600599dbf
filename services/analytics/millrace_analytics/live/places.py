"""Where a stream begins, goes on and ends, as positions of the log."""

from typing import Final

from millrace_eventlog.records import TailPosition

_WARM_OFFSETS: Final = 5_000
"""How far behind the log's end following begins at most, in each partition, where the first client comes back from there: the
others of a herd come from about the same place."""
_WARM_MARGIN: Final = 100
"""How far before that place, as some have seen less than the first who comes."""


def within(resume: TailPosition | None, now: TailPosition) -> TailPosition:
    """Where a client goes on: now, where it names no place in a partition, or one that is not there yet."""
    seen = resume.seen if resume is not None else {}
    return TailPosition({partition: min(seen.get(partition, place), place) for partition, place in now.seen.items()})


def shortly_before(resume: TailPosition | None, end: TailPosition) -> TailPosition:
    """Where to begin so that clients which come back with the first one find what they missed."""
    if resume is None:
        return TailPosition(dict(end.seen))
    wanted = within(resume, end).seen
    return TailPosition(
        {
            partition: (max(0, wanted[partition][0] - _WARM_MARGIN, offset - _WARM_OFFSETS), -1)
            for partition, (offset, _) in end.seen.items()
        }
    )


def is_before(position: TailPosition, other: TailPosition) -> bool:
    """Whether there may be something behind ``position`` up to ``other``."""
    return any(position.seen.get(partition, (-1, -1)) < place for partition, place in other.seen.items())
