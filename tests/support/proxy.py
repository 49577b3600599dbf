"""A network between two processes that delays, stalls and cuts connections as it is told to."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support import figures

_CHUNK = 64 * 1024


@dataclass
class Proxy:
    """Passes bytes on to a port of the loopback.

    Args:
        chance: decides, seeded.
    """

    target: int
    chance: random.Random
    port: int = 0
    delay_seconds: float = 0.0
    """At most, of each piece."""
    stalls: float = 0.0
    """Share of pieces behind which nothing passes for three seconds."""
    cuts: float = 0.0
    """Share of pieces that both ends lose their connection at, some before and some behind it."""
    passed: int = 0
    cut: int = 0

    def calm(self) -> None:
        """Pass everything on from now on."""
        self.delay_seconds = self.stalls = self.cuts = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, there_writer)
        pipes = [
            asyncio.create_task(self._pipe(reader, there_writer, ends)),
            asyncio.create_task(self._pipe(there_reader, writer, ends)),
        ]
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)
        for end in ends:
            end.close()

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: tuple[asyncio.StreamWriter, ...]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_CHUNK):
                await asyncio.sleep(self.chance.random() * self.delay_seconds)
                cuts = self.chance.random() < self.cuts
                if not cuts or self.chance.random() < 0.5:
                    sink.write(piece)
                    await sink.drain()
                    self.passed += 1
                if cuts:
                    self.cut += 1
                    figures.injected("connection cut")
                    for end in ends:
                        end.transport.abort()
                    return
                if self.chance.random() < self.stalls:
                    figures.injected("connection stalled for 3 s")
                    await asyncio.sleep(3.0)


@asynccontextmanager
async def proxy(target: int, seed: int) -> AsyncIterator[Proxy]:
    """One in front of a port."""
    passing = Proxy(target, random.Random(seed))
    server = await asyncio.start_server(passing.serve, "127.0.0.1", 0)
    passing.port = server.sockets[0].getsockname()[1]
    try:
        yield passing
    finally:
        server.close()
