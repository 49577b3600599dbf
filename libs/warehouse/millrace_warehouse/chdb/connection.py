"""One connection to the engine in this process. Calls block, so each runs in a thread."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_warehouse.clickhouse.failures import EngineFailure, failure_of
from millrace_warehouse.ports import Rows

_Answer = TypeVar("_Answer")

_STREAM_BYTES: Final = 1 << 20


class ChdbConnection:
    """Connection of the engine in this process, one call at a time.

    After any error, and after a call that was cancelled while it ran, the connection is ``closed`` for good: after a failed
    query, chDB hands rows which that query had produced to the next one on the same connection (SQL design, 1.4). Open
    another.

    Args:
        folder: where rows to insert may stand for a moment.
        kill: called to end what runs on this connection from another one; does not wait for it.
    """

    def __init__(
        self,
        client: Client,
        executor: Executor,
        folder: Path,
        on_discard: Callable[[], None],
        kill: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._kill = kill
        self._executor = executor
        self._folder = folder
        self._on_discard = on_discard
        self._stream: Any = None
        self._turn = asyncio.Lock()
        self.closed = False
        self.abandoned: asyncio.Future[Any] | None = None
        """The call that was cancelled and still runs: some functions of the engine cannot be interrupted."""

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See Connection."""
        result = await self._run(lambda: self._client.query(sql, parameters=dict(parameters or {})))
        return Rows(result.column_names, result.result_rows)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See Connection."""
        await self._run(lambda: self._client.command(sql, parameters=dict(parameters or {})))

    async def text(self, sql: str, parameters: Mapping[str, Any] | None = None) -> str:
        """See Connection."""
        return (await self.raw(sql, "TSVRaw", parameters)).decode().removesuffix("\n")

    async def raw(self, sql: str, form: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """See Connection."""
        return await self._run(lambda: self._client.raw_query(sql, parameters=dict(parameters or {}), fmt=form))

    async def stream(self, sql: str, form: str) -> AsyncGenerator[bytes]:
        """See Connection. The driver reads formats with a head or an end whole before the first piece."""
        async with self._open(sql, None, form) as read:
            while chunk := await read():
                yield chunk

    async def lines(self, sql: str, parameters: Mapping[str, Any] | None = None) -> AsyncIterator[Sequence[str]]:
        """See Connection."""
        rest = b""
        async with self._open(sql, parameters, "TabSeparated") as read:
            while chunk := await read():
                *lines, rest = (rest + chunk).split(b"\n")
                yield [line.decode() for line in lines]

    @asynccontextmanager
    async def _open(
        self, sql: str, parameters: Mapping[str, Any] | None, form: str
    ) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
        def begin() -> Any:
            self._stream = self._client.raw_stream(sql, parameters=dict(parameters or {}), fmt=form)
            return self._stream

        stream = await self._run(begin)
        try:
            yield lambda: self._run(lambda: stream.read(_STREAM_BYTES))
        finally:
            if not self.closed:
                with suppress(EngineFailure):
                    await self._run(stream.close)
                self._stream = None

    async def insert(self, table: str, rows: Sequence[bytes], token: str) -> None:
        """See Connection. The engine reads the rows as a file."""
        settings = f"SETTINGS insert_deduplication_token = {_quoted(token)} " if token else ""
        try:
            async with _readable(rows, self._folder) as path:
                await self.command(f"INSERT INTO {table} FROM INFILE {_quoted(path)} {settings}FORMAT JSONEachRow")
        except OSError as error:
            raise failure_of(error) from error

    async def close(self) -> None:
        """See Connection."""
        async with self._turn:
            if not self.closed:
                self.closed = True
                await asyncio.get_running_loop().run_in_executor(self._executor, self._close)

    async def _run(self, call: Callable[[], _Answer]) -> _Answer:
        async with self._turn:
            if self.closed:
                raise EngineFailure(0, "the connection is closed")
            running = asyncio.get_running_loop().run_in_executor(self._executor, call)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                self._discard()
                self.abandoned = running
                running.add_done_callback(self._abandoned)
                self._kill()
                raise
            except (DriverError, OSError) as error:
                self._discard()
                await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
                raise failure_of(error) from error

    def _discard(self) -> None:
        self.closed = True
        self._on_discard()

    def _abandoned(self, running: "asyncio.Future[Any]") -> None:
        if not running.cancelled():
            running.exception()  # nobody else asks for it
        try:
            self._executor.submit(self._close)
        except RuntimeError:  # the engine is closing, and lets go of its folder once no connection is open
            self._close()

    def _close(self) -> None:
        with suppress(DriverError, OSError):
            if self._stream is not None:  # it holds the lock that closing waits for
                self._stream.close()
        with suppress(DriverError):
            self._client.close()


@asynccontextmanager
async def _readable(rows: Sequence[bytes], folder: Path) -> AsyncIterator[str]:
    """The rows under a path that the engine can open: in memory where the system can do that, else in the folder. Written in
    a thread, which does not hold the interpreter meanwhile: 16 MiB take 8 ms."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("rows")
        try:
            await asyncio.to_thread(_write, descriptor, rows)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    path = folder / f"rows-{uuid.uuid4().hex}"
    try:
        await asyncio.to_thread(_write, path, rows)
        yield str(path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


def _write(target: int | Path, rows: Sequence[bytes]) -> None:
    with open(target, "wb", closefd=not isinstance(target, int)) as file:
        file.writelines(rows)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
