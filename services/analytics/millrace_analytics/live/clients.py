"""One client of a live stream, and what waits for it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from millrace_analytics.live.frames import Frame, lagged
from millrace_eventlog.records import TailPosition


class Client:
    """One open stream."""

    def __init__(self, seen: TailPosition, room: int) -> None:
        self.seen = seen
        self.skipped = 0
        self._room = room
        self._waiting: deque[Frame | bytes] = deque()
        self._news = asyncio.Event()
        self.closed = False

    def offer(self, message: Frame | bytes) -> int:
        """Queue a message, or skip it when the client reads too slowly; the events that were skipped."""
        if len(self._waiting) >= self._room:
            skipped = len(message.events) if isinstance(message, Frame) else 0
            self.skipped += skipped
            return skipped
        self._waiting.append(message)
        self._news.set()
        return 0

    def close(self) -> None:
        """End the stream after what is queued."""
        self.closed = True
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """What to send, as it comes, until the stream is closed."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                rest = message.behind(self.seen) if isinstance(message, Frame) else message
                if rest is not None:
                    yield rest.wire if isinstance(rest, Frame) else rest
            if self.skipped:
                skipped, self.skipped = self.skipped, 0
                yield lagged(skipped)
            if self.closed:
                return
            self._news.clear()
            await self._news.wait()
