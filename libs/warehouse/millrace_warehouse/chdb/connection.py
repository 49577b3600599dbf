"""One connection to the engine in this process. Calls block, so each runs in a thread."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Final, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_warehouse.chdb.failures import EngineFailure, failure_of
from millrace_warehouse.ports import Rows

_Answer = TypeVar("_Answer")

_STREAM_BYTES: Final = 1 << 20


class Connection:
    """One connection, one call at a time.

    After any error, and after a call that was cancelled while it ran, the connection is ``closed`` for good: after a failed
    query, chDB hands rows which that query had produced to the next one on the same connection (SQL design, 1.4). Open
    another.
    """

    def __init__(self, client: Client, executor: Executor, on_discard: Callable[[], None]) -> None:
        self._client = client
        self._executor = executor
        self._on_discard = on_discard
        self._turn = asyncio.Lock()
        self.closed = False
        self.abandoned: asyncio.Future[Any] | None = None
        """The call that was cancelled and still runs: some functions of the engine cannot be interrupted."""

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Run a SELECT; its rows with Python values. Without rows it has no columns either: that is all that the engine
        sends in its own format. Ask ``raw`` for JSON where the names matter.

        Raises:
            EngineFailure: whatever went wrong; the connection is closed.
        """
        result = await self._run(lambda: self._client.query(sql, parameters=dict(parameters or {})))
        return Rows(result.column_names, result.result_rows)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that answers nothing.

        Raises:
            EngineFailure: whatever went wrong; the connection is closed.
        """
        await self._run(lambda: self._client.command(sql, parameters=dict(parameters or {})))

    async def text(self, sql: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Run a SELECT of one text value, unescaped.

        Raises:
            EngineFailure: whatever went wrong; the connection is closed.
        """
        return (await self.raw(sql, "TSVRaw", parameters)).decode().removesuffix("\n")

    async def raw(self, sql: str, form: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """Run a SELECT; what it answers in one of the engine's formats (``JSONCompact``, ``JSONEachRow``, ...).

        Raises:
            EngineFailure: whatever went wrong; the connection is closed.
        """
        return await self._run(lambda: self._client.raw_query(sql, parameters=dict(parameters or {}), fmt=form))

    async def lines(self, sql: str, parameters: Mapping[str, Any] | None = None) -> AsyncIterator[Sequence[str]]:
        """Run a SELECT of one column of plain text (no tabs, no newlines) and hand its rows on block by block.

        Raises:
            EngineFailure: whatever went wrong; the connection is closed.
        """
        stream: Any = await self._run(
            lambda: self._client.raw_stream(sql, parameters=dict(parameters or {}), fmt="TabSeparated")
        )
        rest = b""
        try:
            while chunk := await self._run(lambda: stream.read(_STREAM_BYTES)):
                *lines, rest = (rest + chunk).split(b"\n")
                yield [line.decode() for line in lines]
        finally:
            with suppress(EngineFailure):
                await self._run(stream.close)

    async def close(self) -> None:
        """Close; waits for a running call. Idempotent."""
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
        with suppress(RuntimeError):  # the engine has closed meanwhile; the driver closes what it left
            self._executor.submit(self._close)

    def _close(self) -> None:
        with suppress(DriverError):
            self._client.close()
