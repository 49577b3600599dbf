"""Group commit towards one partition: while a record batch is on its way, the next one gathers."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from millrace_core.errors import LogUnavailable
from millrace_core.time import now_ms
from millrace_eventlog.kafka.wire import Headers, Message

_log = structlog.get_logger("millrace.log")

_UNKNOWN: Final = "Events may not have been stored: Kafka did not acknowledge them."


class Builder(Protocol):
    """A record batch that is being filled (aiokafka's BatchBuilder)."""

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: Headers) -> object | None:
        """Take a record; None when the batch is full."""
        ...


class Chunk:
    """What one call appends to one partition."""

    __slots__ = ("done", "messages", "sent")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.sent = 0
        """How many are in a batch."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it any more, and nothing of it is on its way."""
        return not self.sent and self.done.cancelled()


class PartitionQueue:
    """Sends chunks to one partition, in order, one record batch at a time.

    Args:
        create: makes an empty record batch.
        send: sends it; returns once every replica in sync has it.
        failed: told of each failure, before the waiting calls are.
    """

    def __init__(
        self, create: Callable[[], Builder], send: Callable[[Builder], Awaitable[object]], failed: Callable[[Exception], None]
    ) -> None:
        self._create = create
        self._send = send
        self._failed = failed
        self._waiting: deque[Chunk] = deque()
        self._news = asyncio.Event()
        self._closing = False
        self._sent_at: float | None = None
        self._task = asyncio.create_task(self._run(), name="kafka-partition")

    def put(self, chunk: Chunk) -> None:
        """Queue a chunk; its ``done`` says how it ended."""
        self._waiting.append(chunk)
        self._news.set()

    @property
    def waits_since(self) -> float | None:
        """When the batch was sent that is not acknowledged yet (``time.monotonic``), None without one."""
        return self._sent_at

    async def close(self, seconds: float) -> None:
        """Send what is queued, for so long; what is left then fails."""
        self._closing = True
        self._news.set()
        await asyncio.wait({self._task}, timeout=seconds)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._fail([*self._waiting], LogUnavailable("The log is closing."))
        self._waiting.clear()

    async def _run(self) -> None:
        while True:
            builder, complete = self._gather()
            if builder is not None:
                await self._deliver(builder, complete)
            elif self._closing:
                return
            else:
                self._news.clear()
                await self._news.wait()

    async def _deliver(self, builder: Builder, complete: Sequence[Chunk]) -> None:
        self._sent_at = time.monotonic()
        try:
            await self._send(builder)
        except asyncio.CancelledError:
            self._fail(complete, LogUnavailable(_UNKNOWN))
            raise
        except Exception as error:  # noqa: BLE001 (whatever the client raises, the queue goes on)
            self._failed(error)
            unknown = LogUnavailable(_UNKNOWN)
            unknown.__cause__ = error
            begun = [self._waiting.popleft()] if self._waiting and self._waiting[0].sent else []
            self._fail([*complete, *begun], unknown)
        else:
            for chunk in complete:
                if not chunk.done.done():
                    chunk.done.set_result(None)
        finally:
            self._sent_at = None

    def _gather(self) -> tuple[Builder | None, list[Chunk]]:
        """A batch of what waits, and the chunks that end in it. All of a batch has the same time."""
        builder: Builder | None = None
        complete: list[Chunk] = []
        at = now_ms()
        while self._waiting:
            chunk = self._waiting[0]
            if chunk.abandoned:
                self._waiting.popleft()
                continue
            builder = builder or self._create()
            for key, value, headers in chunk.messages[chunk.sent :] if chunk.sent else chunk.messages:
                if builder.append(timestamp=at, key=key, value=value, headers=headers) is None:
                    return builder, complete
                chunk.sent += 1
            complete.append(self._waiting.popleft())
        return builder, complete

    @staticmethod
    def _fail(chunks: Sequence[Chunk], error: LogUnavailable) -> None:
        for chunk in chunks:
            if not chunk.done.done():
                chunk.done.set_exception(error)
                chunk.done.exception()  # a call that was cancelled meanwhile does not ask
