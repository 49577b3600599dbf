"""Statements in SQL: through the gate, from what is kept, counted against the tenant's limit, measured, remembered."""

import json
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from millrace_analytics.asking.answers import Answers, Outcome, Question
from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.timing import Timing
from millrace_analytics.asking.values import to_json
from millrace_core import metrics as names
from millrace_core.errors import Forbidden, MillraceError, QueryError
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import Rows, Warehouse
from millrace_warehouse.statement_ports import Described, FileForm, Prepared, Values

_PREPARED: Final = 1_000
_LARGEST_PREPARED: Final = 20_000


class Table(msgspec.Struct):
    """An answer as it is kept: its rows as JSON objects."""

    data: msgspec.Raw
    columns: list[str]
    row_count: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class SqlQuestion:
    """A statement, and how it is to be asked.

    Attributes:
        who: asks.
        values: of its placeholders.
        seconds: it may take; None is the limit of all.
        is_fresh: what is kept is not good enough.
        require_tenant_filter: it has to say whose rows it wants.
        saved: the name under which it is saved.
    """

    tenant: str
    who: str
    sql: str
    values: Values | None = None
    seconds: float | None = None
    is_fresh: bool = False
    require_tenant_filter: bool = False
    saved: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """How a question ended, for whoever keeps a history."""

    question: SqlQuestion
    status: str
    """``success`` or the code of the error."""
    rows: int
    milliseconds: float


@dataclass(slots=True)
class SqlAnswer:
    """What is answered, and where it is from."""

    table: Table
    outcome: Outcome
    age_seconds: float
    seconds: float
    timing: Timing = field(default_factory=Timing)


class SqlAsking:
    """Asks.

    Args:
        limit: of what a tenant may ask; what is kept does not count.
        tell: called with how each question ended.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        answers: Answers,
        limit: AskingLimit,
        metrics: Metrics,
        tell: Callable[[Told], None] = lambda _: None,
    ) -> None:
        self._warehouse = warehouse
        self._answers = answers
        self._limit = limit
        self._metrics = metrics
        self._tell = tell
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    def unnoted(self) -> "SqlAsking":
        """The same, for what nobody would look for in a history: it tells nobody how a question ended."""
        return SqlAsking(self._warehouse, self._answers, self._limit, self._metrics)

    async def rows(self, asked: SqlQuestion) -> SqlAnswer:
        """The rows, kept or new.

        Raises:
            Forbidden: the statement does not name its tenant, where it has to.
            QueryError: the statement or a limit of it.
            TooManyRequests: the tenant's limit, or too many are running.
            WarehouseUnavailable: and nothing is kept that may be told instead.
        """
        with self._measured(asked) as measured:
            timing = Timing()
            with timing.of("gate"):
                prepared = await self._prepare(asked)

            async def compute() -> bytes:
                await self._limit.take(asked.tenant)
                with timing.of("warehouse"):
                    found = await self._warehouse.of(asked.tenant).statements.run(prepared, asked.seconds)
                return _encoded(found)

            question = Question(
                asked.tenant,
                f"sql\0{prepared.text}",
                until=prepared.until,
                is_kept=not prepared.by_chance,
                is_fresh=asked.is_fresh,
            )
            answer = await self._answers.get(question, compute)
            table = msgspec.json.decode(answer.body, type=Table)
            measured.rows = table.row_count
            timing.note(answer.outcome)
            return SqlAnswer(table, answer.outcome, answer.age_seconds, measured.seconds, timing)

    async def file(self, asked: SqlQuestion, form: FileForm) -> AsyncGenerator[bytes]:
        """All rows as a file, piece by piece; never kept. Raises as ``rows``."""
        with self._measured(asked):
            prepared = await self._prepare(asked)
            await self._limit.take(asked.tenant)
            pieces = self._warehouse.of(asked.tenant).statements.file(prepared, form, asked.seconds)
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await pieces.aclose()

    async def describe(self, tenant: str, sql: str, values: Values | None, *, require_tenant_filter: bool = False) -> Described:
        """Look at a statement without asking it. Raises as ``rows``, but for limits of what is asked."""
        return await self._warehouse.of(tenant).statements.describe(sql, values, require_tenant_filter=require_tenant_filter)

    async def check(self, tenant: str, sql: str, values: Values | None) -> None:
        """Send a statement through the gate, and no further. Raises QueryError."""
        await self._warehouse.of(tenant).statements.prepare(sql, values)

    async def parameters(self, tenant: str, sql: str) -> dict[str, str]:
        """The names and types of a statement's placeholders. Raises QueryError."""
        return dict(await self._warehouse.of(tenant).statements.parameters(sql))

    async def _prepare(self, asked: SqlQuestion) -> Prepared:
        """Through the gate. What passed it is remembered: the same text and values pass as the same statement."""
        values = None if asked.values is None else json.dumps(asked.values)
        key = "\0".join((asked.tenant, str(asked.require_tenant_filter), str(values), asked.sql))
        if (known := self._prepared.get(key)) is not None:
            self._prepared.move_to_end(key)
            return known
        statements = self._warehouse.of(asked.tenant).statements
        try:
            found = await statements.prepare(asked.sql, asked.values, require_tenant_filter=asked.require_tenant_filter)
        except QueryError:
            await self._limit.take(asked.tenant)  # who asks what cannot be asked, asks too
            raise
        if len(key) <= _LARGEST_PREPARED:
            self._prepared[key] = found
            if len(self._prepared) > _PREPARED:
                self._prepared.popitem(last=False)
        return found

    @contextmanager
    def _measured(self, asked: SqlQuestion) -> Iterator["_Measured"]:
        measured = _Measured()
        tenant = self._metrics.capped("customer_id", asked.tenant)
        status, code = "error", "cancelled"
        try:
            yield measured
            status = code = "success"
        except (QueryError, Forbidden) as error:
            status, code = "refused", error.code
            raise
        except MillraceError as error:
            status = code = error.code
            raise
        finally:
            self._metrics.counter(names.ANALYTICS_QUERIES, tenant, status).inc()
            self._metrics.histogram(names.QUERY_LATENCY, tenant).observe(measured.seconds)
            self._tell(Told(asked, code, measured.rows, round(measured.seconds * 1000, 2)))


@dataclass(slots=True)
class _Measured:
    began: float = field(default_factory=time.perf_counter)
    rows: int = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began


def _encoded(found: Rows) -> bytes:
    data = [{name: to_json(value) for name, value in row.items()} for row in found.dicts()]
    body = {"data": data, "columns": list(found.columns), "row_count": len(found.rows), "truncated": found.truncated}
    return msgspec.json.encode(body)
