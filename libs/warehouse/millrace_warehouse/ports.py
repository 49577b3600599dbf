"""The ports of the warehouse. Tenant data is read only through an object that already holds the tenant; there is no unscoped
read to call by mistake. Methods are coroutines and never block the event loop; each has a deadline of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from millrace_warehouse.statement_ports import Rows as Rows  # noqa: PLC0414 (handed on)
from millrace_warehouse.statement_ports import Statements, Values


@dataclass(frozen=True, slots=True)
class StoredPosition:
    """An id that the warehouse holds, and the log position that it came from."""

    tenant: str
    event_id: str
    partition: int
    offset: int
    index: int


class WarehouseWriter(Protocol):
    """What the consumer needs."""

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """Store newline-delimited JSON rows of ``events_raw``, in one piece or several, as one block. The rows of a token
        are stored once: calling again with the same token and rows completes what an interrupted call left undone, in the
        table and in every rollup. Returning means durable.

        One thing it may not complete: an engine that is killed between writing the token down and putting the rows in their
        place takes them for stored ever after, in one table. So what was begun before is to be verified.

        Raises:
            RowsRefused: a row can never be stored; nothing was.
            WarehouseUnavailable: unknown whether stored; the same call may be tried again.
        """
        ...

    async def insert_outcomes(self, rows: Sequence[bytes]) -> None:
        """Store newline-delimited JSON rows of ``ingest_outcomes``. A row whose id is there replaces it, so a call may be
        repeated, in whatever pieces. Returning means durable.

        Raises:
            RowsRefused: a row can never be stored; nothing was.
            WarehouseUnavailable: unknown whether stored; the same call may be tried again.
        """
        ...

    async def probe(self, rows: bytes) -> str | None:
        """Whether these rows would be refused: the reason in safe words (no stored values), or None.

        Raises:
            WarehouseUnavailable: cannot tell now.
        """
        ...

    async def stored_ids(self, ids: Sequence[tuple[str, str]]) -> Sequence[StoredPosition]:
        """Of these (tenant, event id) pairs the ones stored within the last 48 hours, each with its positions.

        Raises:
            WarehouseUnavailable: cannot tell now.
        """
        ...

    def recent_ids(self, partitions: Sequence[int]) -> AsyncIterator[Sequence[str]]:
        """Every event id stored within the last 48 hours that came from these partitions of the log, or was moved here from
        another warehouse; of all tenants, in blocks.

        Raises:
            WarehouseUnavailable: cannot tell now.
        """
        ...

    async def stored_positions(self, partition: int, first: int, last: int) -> Sequence[tuple[int, int, str]]:
        """(offset, index, event id) of each stored row that came from entries ``first`` to ``last`` (inclusive) of the
        partition. A topic that was made again has other events at the same positions.

        Raises:
            WarehouseUnavailable: cannot tell now.
        """
        ...

    async def restore_ids(self, partition: int, first: int, last: int) -> None:
        """Make the ids of the stored rows that came from entries ``first`` to ``last`` (inclusive) recent where a half-done
        insert left them out.

        Raises:
            WarehouseUnavailable: unknown whether done; the same call may be tried again.
        """
        ...


class TenantWarehouse(Protocol):
    """The reads of one tenant. Whatever is asked, only this tenant's rows answer."""

    @property
    def tenant(self) -> str:
        """Whose rows these are."""
        ...

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Run a SELECT of our own with bound parameters.

        Raises:
            WarehouseUnavailable: try again later.
            QueryError: the statement or one of its limits.
        """
        ...

    async def answer(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Run a SELECT of our own that somebody's question was compiled to, with bound parameters. It may be too much, so it
        has the limits and the turns of ``ask``.

        Raises:
            QueryError: a limit, or a value that the engine cannot take; the code says which.
            TooManyRequests: too many statements of this tenant or of all are running.
            WarehouseUnavailable: try again later.
        """
        ...

    @property
    def statements(self) -> Statements:
        """What people and models write themselves: through the gate, read-only, under limits."""
        ...

    async def ask(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Rows:
        """Prepare and run one of these.

        Args:
            require_tenant_filter: refuse a statement that reads a table and does not say whose rows it wants. No statement
                needs the filter to be scoped; one documented route asks for it.

        Raises:
            Forbidden: ``missing_tenant_filter`` or ``foreign_tenant``, only where the filter is required.
            QueryError: refused by the gate, by the engine or by a limit; the code says which.
            TooManyRequests: too many statements of this tenant or of all are running.
            WarehouseUnavailable: try again later.
        """
        ...


class Warehouse(Protocol):
    """What the analytics service needs."""

    def of(self, tenant: str) -> TenantWarehouse:
        """The reads of this tenant."""
        ...

    async def ping(self) -> None:
        """Return when the warehouse answers.

        Raises:
            WarehouseUnavailable: it does not.
        """
        ...


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table on disk."""

    table: str
    rows: int
    bytes: int
    parts: int
    partition_parts: int
    """Of the partition that has most."""


@dataclass(frozen=True, slots=True)
class RollupDifference:
    """A bucket of a rollup that differs from what the raw table says."""

    table: str
    tenant: str
    bucket: str
    stored: int
    recomputed: int


class WarehouseAdmin(Protocol):
    """What operators need."""

    async def migrate(self) -> Sequence[str]:
        """Bring the schema up to this code's; the names of the migrations that ran.

        Raises:
            StartRefused: the schema is newer than this code, or a table lacks what delivery relies on.
        """
        ...

    async def sizes(self) -> Sequence[TableSize]:
        """Every table of the platform on disk."""
        ...

    async def audit(self, hours: int) -> Sequence[RollupDifference]:
        """Compare the rollups with the raw table over the last ``hours`` whole hours."""
        ...

    async def rebuild(self, first: int, last: int) -> int:
        """Recompute the rollups of the hours between two times (milliseconds since the epoch) from the raw table; the
        number of hours rebuilt."""
        ...

    async def repair(self, first: int, last: int) -> int:
        """Rebuild those of the hours between two times (milliseconds since the epoch) whose rollups are not what the raw table
        says; their number.

        Raises:
            WarehouseUnavailable: cannot tell or mend now; the same call may be tried again.
        """
        ...

    async def expire(self, tenant: str, before: int, *, only: str | None = None, but: Sequence[str] = ()) -> bool:
        """Delete a tenant's events and rollups from before the hour of a time (milliseconds since the epoch), and its outcomes
        where no type is named; whether there were any.

        Args:
            only: events of this type alone.
            but: events of all types but these.

        Raises:
            WarehouseUnavailable: they may or may not be deleted; the same call may be tried again.
        """
        ...

    async def copy(self, target: Path, meanwhile: Callable[[], Awaitable[None]]) -> Mapping[str, int]:
        """Put everything that is stored at one moment into a folder, which an engine of this process can be opened on; how many
        rows of each table that are. Reads and, but for that moment, inserts go on. One at a time.

        Args:
            meanwhile: awaited at that moment: nothing is inserted, and no insert is half done.

        Raises:
            InvalidInput: ``not_embedded``, of a server, which makes backups of its own.
            WarehouseUnavailable: an insert has been half done for a minute, or the engine refuses; ``copy_incomplete``: not
                every row that the engine has is in the folder, which is worth nothing then.
            OSError: the folder cannot be written.
        """
        ...

    async def duplicates(self, hours: int) -> int:
        """Stored rows beyond one per (tenant, event id) among what was ingested in the last ``hours`` hours."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows are meant: a user with the visitors that are them, or a visitor."""

    tenant: str
    before: int
    """Rows that were received before this time, in milliseconds since the epoch."""
    users: tuple[str, ...] = ()
    """Rows of these users, and those of visitors of these names who were nobody else."""
    visitors: tuple[str, ...] = ()
    """Every row of these visitors, whoever they were."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Likewise, by digests (``millrace_core.privacy.digest_of``): statements that the engine keeps have no names in them."""

    tenant: str
    before: int
    salt: str
    users: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()


class PersonData(Protocol):
    """What there is of single people. All methods raise WarehouseUnavailable."""

    async def linked(self, tenant: str, user: str) -> tuple[Sequence[str], Sequence[str]]:
        """The names that are this user as ``identity_links`` has it (visitors, former and later ids, where the latest link says
        so), and the visitors that were this user once and are another by now."""
        ...

    async def count(self, whose: Person | Erased) -> Mapping[str, int]:
        """How many rows of each table are theirs."""
        ...

    def rows(self, person: Person) -> AsyncIterator[tuple[str, Sequence[bytes]]]:
        """Those rows: a table, and some of its rows as JSON objects in its public columns, the oldest first."""
        ...

    def question(self, person: Person) -> str:
        """What ``count`` asks, as SQL to be read and asked by people."""
        ...

    async def hours(self, erased: Erased) -> Sequence[int]:
        """The hours of their events, numbered from the epoch, whose rollups count them."""
        ...

    async def erase(self, erased: Erased) -> None:
        """Delete the rows, and not only hide them: files with them are gone within :data:`OLD_FILES_SECONDS`. Returning means
        that no read finds them; calling again is safe. The rollups still count them."""
        ...

    async def recount(self, tenant: str, hours: Sequence[int]) -> None:
        """Compute the tenant's rollups of these hours anew from its events, and delete what stood there as ``erase`` does.
        Hours whose events may have expired are left alone. Until it has returned the hours may be short; calling again is
        safe."""
        ...


OLD_FILES_SECONDS: Final = 900
"""How long files that were replaced stay at most: 480 s (ADR 4), and up to 300 until the engine looks at them again."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events on their way to another warehouse."""

    rows: Sequence[bytes]
    """Each a line of JSON, a row of ``events_raw``."""
    positions: Sequence[tuple[int, int]]
    """(offset, index) of each, in order."""

    @property
    def first(self) -> tuple[int, int]:
        """The first row's position."""
        return self.positions[0]

    @property
    def last(self) -> tuple[int, int]:
        """The last row's."""
        return self.positions[-1]


class EventSource(Protocol):
    """Every event of a warehouse that nobody writes to meanwhile. All methods raise WarehouseUnavailable."""

    async def months(self) -> Mapping[int, int]:
        """How many events each month of their timestamps has (as 202602), in order; an event that is stored twice counts
        once."""
        ...

    async def stage(self, month: int) -> None:
        """Make a month's pages ready; takes as much room on the disk as its events."""
        ...

    async def page(self, after: tuple[int, int] | None, rows: int, partition: int) -> EventPage | None:
        """At most so many rows of the staged month from behind a position, the same ones each time; None behind the last.

        Args:
            partition: stands in the rows in place of their own.
        """
        ...

    async def outcomes(self, after: int, rows: int, partition: int) -> Sequence[bytes]:
        """At most so many rows of ``ingest_outcomes`` behind the first ``after``, in an order that stays; none behind the last.

        Args:
            partition: stands in the rows, and in the positions by which they are named, in place of their own.
        """
        ...

    async def unstage(self) -> None:
        """Give the room back. Idempotent."""
        ...


class EventTarget(Protocol):
    """What has arrived of moved events. All methods raise WarehouseUnavailable."""

    async def free_partition(self) -> int:
        """A partition that no event stands under, and no log has."""
        ...

    async def months(self, partition: int) -> Mapping[int, int]:
        """How many events under this partition each month has."""
        ...

    async def last(self, partition: int, month: int) -> tuple[int, int] | None:
        """(offset, index) of the last of a month."""
        ...


@dataclass(frozen=True, slots=True)
class StoringPorts:
    """What the consumer and operators need of one opened warehouse, its schema up to date."""

    writer: WarehouseWriter
    admin: WarehouseAdmin
    people: PersonData


@dataclass(frozen=True, slots=True)
class WarehousePorts(StoringPorts):
    """All ports of one opened warehouse."""

    reads: Warehouse
