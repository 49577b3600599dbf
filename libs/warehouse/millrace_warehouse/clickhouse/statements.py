"""Statements that a person or a model wrote, on an engine."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from millrace_core.errors import QueryError
from millrace_warehouse.clickhouse.answers import NAMED_CODES, name_in, statement_error
from millrace_warehouse.clickhouse.failures import EngineFailure
from millrace_warehouse.clickhouse.limits import Use
from millrace_warehouse.clickhouse.rows import named_apart, rows_of, some_rows_of
from millrace_warehouse.gate.gate import place_of_name
from millrace_warehouse.gate.statements import Statement
from millrace_warehouse.statement_ports import Described, FileForm, Prepared, Rows, Values

if TYPE_CHECKING:
    from millrace_warehouse.clickhouse.reads import ClickHouseReads

_FORMS: Final[Mapping[FileForm, str]] = {
    "csv": "CSVWithNames",
    "jsonl": "JSONEachRow",
    "arrow": "ArrowStream",
    "parquet": "Parquet",
}
_DESCRIBE_SECONDS: Final = 3.0

_log = structlog.get_logger("millrace.warehouse")


class ClickHouseStatements:
    """Statements of one tenant."""

    def __init__(self, reads: "ClickHouseReads", tenant: str) -> None:
        self._reads = reads
        self._tenant = tenant

    async def prepare(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Statement:
        """See Statements."""
        return await self._reads.gate.scope(sql, self._tenant, require_tenant_filter=require_tenant_filter, values=values)

    async def run(self, prepared: Prepared, seconds: float | None = None) -> Rows:
        """See Statements."""
        answered = await self.answer(prepared.text, "asked", seconds=seconds)
        settings = self._reads.settings
        return some_rows_of(answered, settings.query_result_rows, settings.query_result_bytes)

    async def answer(
        self, text: str, use: Use, parameters: Mapping[str, Any] | None = None, seconds: float | None = None
    ) -> bytes:
        """Run a SELECT in its turn; what it answers as JSONCompact. Raises as ``run``."""
        async with self._reads.asking.take(self._tenant) as turn:
            with self._failures():
                async with (
                    asyncio.timeout(self._seconds(seconds)),
                    self._reads.connection(self._tenant, use, turn) as connection,
                ):
                    return await connection.raw(text, "JSONCompact", parameters)

    async def file(self, prepared: Prepared, form: FileForm, seconds: float | None = None) -> AsyncGenerator[bytes]:
        """See Statements. Each piece has the time: who reads slowly is no slow statement."""
        limit = self._seconds(seconds)
        async with self._reads.asking.take(self._tenant) as turn:
            with self._failures():
                async with (
                    self._reads.connection(self._tenant, "file", turn) as connection,
                    aclosing(connection.stream(prepared.text, _FORMS[form])) as pieces,
                ):
                    while True:
                        async with asyncio.timeout(limit):
                            piece = await anext(pieces, None)
                        if piece is None:
                            return
                        yield piece

    async def describe(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Described:
        """See Statements."""
        examined = await self._reads.gate.examine(sql, self._tenant, require_tenant_filter=require_tenant_filter, values=values)
        estimated = 0
        with self._failures():
            async with self._reads.own.take(self._tenant), asyncio.timeout(_DESCRIBE_SECONDS):
                if examined.counting:
                    async with self._reads.connection(self._tenant, "own") as connection:
                        estimated = sum(row[0] for row in rows_of(await connection.raw(examined.counting, "JSONCompact")).rows)
                columns = await self._columns(sql, examined.text)
        return Described(examined.tables, estimated, columns, examined.parameters)

    async def parameters(self, sql: str) -> Mapping[str, str]:
        """See Statements."""
        return await self._reads.gate.parameters(sql)

    async def _columns(self, sql: str, text: str) -> list[tuple[str, str]] | None:
        """Names and types; None where the engine would have to compute something first.

        Raises:
            QueryError: the statement cannot be right, whatever rows there are; ``detail`` has the place of the name at fault.
        """
        try:
            async with self._reads.connection(self._tenant, "described") as connection:
                described = await connection.raw(f"DESCRIBE TABLE ({text})", "JSONEachRow")
        except EngineFailure as failure:
            if failure.code not in NAMED_CODES:
                return None
            error = statement_error(failure)
            error.detail = place_of_name(sql, name_in(failure))
            raise error from failure
        lines = [msgspec.json.decode(line) for line in described.splitlines()]
        names = named_apart([line["name"] for line in lines])
        return [(name, line["type"]) for name, line in zip(names, lines, strict=True)]

    def _seconds(self, wanted: float | None) -> float:
        return self._reads.seconds if wanted is None else min(wanted, self._reads.seconds)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise QueryError("The query took longer than allowed.", code="query_timeout") from error
        except EngineFailure as failure:
            _log.info("query_refused", tenant=self._tenant, code=failure.code, cause=failure.text)
            raise statement_error(failure) from failure
