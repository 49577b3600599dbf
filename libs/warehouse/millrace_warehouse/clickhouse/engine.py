"""What an adapter brings: connections of three kinds to one engine."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from millrace_warehouse.migrations.layout import Layout
from millrace_warehouse.ports import Rows

Settings = Mapping[str, int | str]
"""Settings of the engine, by their names there."""


class Connection(Protocol):
    """A view of the engine with the rights and settings that it was opened with. Every call raises EngineFailure, whatever went
    wrong."""

    @property
    def closed(self) -> bool:
        """Whether it answers no more, so that another has to be opened."""
        ...

    @property
    def abandoned(self) -> "asyncio.Future[Any] | None":
        """The call that was cancelled and still runs, where the engine cannot interrupt it."""
        ...

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Run a SELECT; its rows with Python values. Without rows it may have no columns either: ask ``raw`` for JSON where the
        names matter."""
        ...

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that answers nothing."""
        ...

    async def text(self, sql: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Run a SELECT of one text value, unescaped."""
        ...

    async def raw(self, sql: str, form: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """Run a SELECT; what it answers in one of the engine's formats (``JSONCompact``, ``JSONEachRow``, ...)."""
        ...

    def stream(self, sql: str, form: str) -> AsyncGenerator[bytes]:
        """Run a SELECT; what it answers in one of the engine's formats, piece by piece. An error comes before the first piece,
        or ends the pieces."""
        ...

    def lines(self, sql: str, parameters: Mapping[str, Any] | None = None) -> AsyncIterator[Sequence[str]]:
        """Run a SELECT of one column of plain text (no tabs, no newlines) and hand its rows on block by block."""
        ...

    async def insert(self, table: str, rows: Sequence[bytes], token: str) -> None:
        """Store newline-delimited JSON as one block, under a deduplication token if there is one."""
        ...

    async def close(self) -> None:
        """Close; waits for a running call. Idempotent."""
        ...


class Engine(Protocol):
    """One engine."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes write to it, too."""
        ...

    @property
    def files(self) -> Path | None:
        """The folder of an engine of this process; None of a server, whose files are its own."""
        ...

    @property
    def database(self) -> str:
        """The database of the platform's tables; every connection's default."""
        ...

    @property
    def layout(self) -> Layout:
        """Where the tables stand."""
        ...

    async def admin(self, settings: Settings | None = None) -> Connection:
        """A connection that sees every tenant and may write. Every writer needs one: a view fed by a connection without the
        marker receives no rows, and says nothing.

        Raises:
            EngineFailure: the engine does not answer.
        """
        ...

    async def tenant(self, tenant: str, limits: Settings) -> Connection:
        """A read-only connection that sees the rows of this tenant only (barrier B), under these limits (engine settings).
        Belongs to the tenant: never hand it to another.

        Raises:
            EngineFailure: the engine does not answer.
            ValueError: the tenant's name is malformed.
        """
        ...

    async def nobody(self) -> Connection:
        """A read-only connection of nobody, for the start-up self-test and for parsing: must see no row of any table.

        Raises:
            EngineFailure: the engine does not answer.
        """
        ...
