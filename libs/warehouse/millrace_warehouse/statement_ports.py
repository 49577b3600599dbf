"""The port of what people and models ask in SQL of their own."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Values = Sequence[Any] | Mapping[str, Any]
"""Of a statement's placeholders: in the order of its ``?``, or by the names of its ``{name:Type}``. As JSON has them: texts,
numbers, booleans, null, lists of these."""

FileForm = Literal["csv", "jsonl", "arrow", "parquet"]
"""How an answer is written as a file: with a line of names; a JSON object a line; an Arrow stream; Parquet."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query answers: column names, and one tuple a row in their order."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False
    """Whether there were more rows, or more bytes, than may be answered."""

    def dicts(self) -> list[dict[str, Any]]:
        """One mapping a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Prepared(Protocol):
    """A statement that has passed the gate, for one tenant."""

    @property
    def text(self) -> str:
        """As it is to be run: placeholders filled in, the tenant's scope in it. The same question has the same text."""
        ...

    @property
    def tables(self) -> Sequence[str]:
        """What it reads: tables and views."""
        ...

    @property
    def until(self) -> int | None:
        """No row from this time on changes what it answers, and nor does the clock (seconds since the epoch); None where that
        is not known."""
        ...

    @property
    def by_chance(self) -> bool:
        """Whether it may answer otherwise when nothing has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Described:
    """A statement that was looked at and not asked."""

    tables: Sequence[str]
    estimated_rows: int
    """How many it would read: of events by hours and types, as far as its conditions name any; of views everything."""
    columns: Sequence[tuple[str, str]] | None
    """Names and types of what it answers; None where they are known only once it is asked."""
    parameters: Mapping[str, str]
    """Names and types of its placeholders that have names."""


class Statements(Protocol):
    """What a person or a model asks one tenant's rows in SQL. Raises QueryError where the statement, a value or a limit is at
    fault, and WarehouseUnavailable."""

    async def prepare(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Prepared:
        """Through the gate.

        Raises:
            Forbidden: ``missing_tenant_filter`` or ``foreign_tenant``, only where the filter is required.
        """
        ...

    async def run(self, prepared: Prepared, seconds: float | None = None) -> Rows:
        """Ask it; cancelling ends it in the engine, too.

        Args:
            seconds: how long it may take; the limit of every statement holds in any case.

        Raises:
            TooManyRequests: too many statements of this tenant or of all are running.
        """
        ...

    def file(self, prepared: Prepared, form: FileForm, seconds: float | None = None) -> AsyncGenerator[bytes]:
        """Ask it for all of its rows as a file, piece by piece. Raises as ``run``; ``result_too_large`` where there are more
        than a file may have, as a part of a file would look like all of it."""
        ...

    async def describe(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Described:
        """Look at it without asking it: no row of a table is read."""
        ...

    async def parameters(self, sql: str) -> Mapping[str, str]:
        """The names and types of its placeholders that have names."""
        ...
