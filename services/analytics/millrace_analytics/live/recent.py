"""The newest items of the log in memory: clients that come back, thousands at once after a restart, are fed from here."""

from collections import deque
from collections.abc import Iterator

from millrace_eventlog.records import TailGap, TailItem, TailPosition


class Recent:
    """Every item that was followed since ``floor``, up to so many bytes.

    Args:
        size: bytes of lines.
        start: where the follower began.
    """

    def __init__(self, size: int, start: TailPosition) -> None:
        self._size = size
        self._floor = TailPosition(dict(start.seen))
        self._items: deque[tuple[TailItem, int]] = deque()
        self._bytes = 0

    def add(self, item: TailItem) -> None:
        """Keep an item; the oldest go."""
        size = sum([len(record.line) for record in item.records])
        self._items.append((item, size))
        self._bytes += size
        while self._bytes > self._size:
            oldest, size = self._items.popleft()
            self._bytes -= size
            self._floor.seen[oldest.partition] = (oldest.end, -1)

    def skip(self, gap: TailGap) -> None:
        """What lies in front of a hole is of no use: who comes from there has to be told of the hole."""
        self._floor.seen[gap.partition] = (gap.last + 1, -1)

    def covers(self, position: TailPosition) -> bool:
        """Whether everything behind a position is here."""
        return all(position.seen.get(partition, (-1, -1)) >= place for partition, place in self._floor.seen.items())

    def behind(self, position: TailPosition) -> list[TailItem]:
        """The items that have something behind a position."""
        return list(self._behind(position))

    def _behind(self, position: TailPosition) -> Iterator[TailItem]:
        for item, _ in self._items:
            if (item.end, -1) > position.seen.get(item.partition, (-1, -1)):
                yield item
