"""One user's view of a ClickHouse server, under fixed settings. Requests share the user's pool of HTTP connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

import aiohttp
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_warehouse.clickhouse.engine import Settings
from millrace_warehouse.clickhouse.failures import EngineFailure, failure_of
from millrace_warehouse.ports import Rows

_Answer = TypeVar("_Answer")

# An answer comes whole or not at all: an error in the middle would stand behind half of the rows, under a status of 200.
_WHOLE: Final[Settings] = {"wait_end_of_query": 1}
_EXCEPTION: Final = b"DB::Exception"


class ServerConnection:
    """Connection to a server. It holds nothing between requests, so an error closes nothing; a request that is given up is one
    that the server ends, since its socket is closed.

    Args:
        settings: sent with each request; the server applies them to that request only.
    """

    abandoned: "asyncio.Future[Any] | None" = None

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = dict(settings)
        self.closed = False

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See Connection."""
        result = await self._run(self._client.query(sql, parameters=dict(parameters or {}), settings=self._settings))
        return Rows(result.column_names, result.result_rows)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See Connection."""
        await self._run(self._client.command(sql, parameters=dict(parameters or {}), settings={**self._settings, **_WHOLE}))

    async def text(self, sql: str, parameters: Mapping[str, Any] | None = None) -> str:
        """See Connection."""
        return (await self.raw(sql, "TSVRaw", parameters)).decode().removesuffix("\n")

    async def raw(self, sql: str, form: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """See Connection."""
        settings = {**self._settings, **_WHOLE}
        return await self._run(self._client.raw_query(sql, parameters=dict(parameters or {}), settings=settings, fmt=form))

    async def stream(self, sql: str, form: str) -> AsyncGenerator[bytes]:
        """See Connection. The server keeps the answer until it is whole, so that no error stands in the middle."""
        settings = {**self._settings, **_WHOLE}
        stream = await self._run(self._client.raw_stream(sql, settings=settings, fmt=form))
        try:
            async with stream as chunks:
                async for chunk in chunks:
                    yield chunk
        except (DriverError, aiohttp.ClientError, OSError) as error:
            raise failure_of(error) from error

    async def lines(self, sql: str, parameters: Mapping[str, Any] | None = None) -> AsyncIterator[Sequence[str]]:
        """See Connection."""
        stream = await self._run(
            self._client.raw_stream(sql, parameters=dict(parameters or {}), settings=self._settings, fmt="TabSeparated")
        )
        rest = b""
        try:
            async with stream as chunks:
                async for chunk in chunks:
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield [_line(line) for line in lines]
        except (DriverError, aiohttp.ClientError, OSError) as error:
            raise failure_of(error) from error
        if rest:
            raise EngineFailure(0, "the answer ends in the middle of a row")

    async def insert(self, table: str, rows: Sequence[bytes], token: str) -> None:
        """See Connection."""
        settings = {**self._settings, **({"insert_deduplication_token": token} if token else {})}
        block = b"".join(rows)
        await self._run(self._client.raw_insert(table, insert_block=block, settings=settings, fmt="JSONEachRow"))

    async def close(self) -> None:
        """See Connection."""
        self.closed = True

    async def _run(self, call: Awaitable[_Answer]) -> _Answer:
        if self.closed:
            raise EngineFailure(0, "the connection is closed")
        try:
            return await call
        except (DriverError, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error) from error


def _line(line: bytes) -> str:
    if _EXCEPTION in line:  # an error behind the first rows is written between them
        raise EngineFailure(0, line.decode(errors="replace"))
    return line.decode()
