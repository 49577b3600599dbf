"""The port of the records. All methods are coroutines of one event loop, none blocks it, each has a deadline of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from millrace_core.privacy import Signals
from millrace_records.access.ports import AccessPorts
from millrace_records.catalogue import CatalogueRecords
from millrace_records.dashboards import DashboardRecords
from millrace_records.questions import QuestionRecords
from millrace_records.statements import StatementRecords

Tier = Literal["default", "enterprise"]

Action = Literal["replayed", "edited", "dropped"]
"""What is decided about a dead letter; an edited one is put back as well."""

EVENTS_A_MINUTE: Mapping[Tier, int | None] = {"default": None, "enterprise": 100_000}
"""What each tier may send, as the realtime contract documents it; None is what ingestion lets everyone send."""

TENANTS_CHANGED = "tenants"
"""The channel on which a change of a tenant's settings is told."""
ERASURES_CHANGED = "erasures"
"""The channel on which an erasure is told."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is settled for one tenant. Tenants need no record: one that has none has these defaults and no limit."""

    name: str
    tier: Tier = "default"
    events_a_minute: int | None = None
    """Its own limit; None is the tier's."""
    retention_days: int | None = None
    """Events are deleted this many days after their timestamp; None keeps them as long as the warehouse does."""
    time_zone: str = "UTC"
    """An IANA name: the days of this tenant's reports."""
    denied: tuple[str, ...] = ()
    """Fields that are taken out of its events before they are stored (``millrace_core.privacy``)."""
    hashed: tuple[str, ...] = ()
    """Fields of which an HMAC-SHA256 is stored instead."""
    hash_secret: str = field(default="", repr=False)
    """Key of these, in hexadecimal. A record that is put without one keeps the one that stands, or gets a new one."""
    signals: Signals | None = None
    """What becomes of events of browsers that object; None is what the process does."""
    event_days: Mapping[str, int] = field(default_factory=dict)
    """Retention in days by event type, for those that are kept for another time than the others."""

    @property
    def limit(self) -> int | None:
        """Events a minute; None where it is everyone's."""
        return EVENTS_A_MINUTE[self.tier] if self.events_a_minute is None else self.events_a_minute


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decided about a dead letter."""

    letter_id: int
    position: str
    """Of the letter's record in the log, as ``partition/offset/index``."""
    tenant: str
    event_id: str
    reason: str
    """Why the letter was set aside."""
    action: Action
    at: int
    """Milliseconds since the epoch."""
    id: int = 0
    """Given by the store."""


@dataclass(frozen=True, slots=True)
class AuditState:
    """What the last audit found."""

    at: int
    """Milliseconds since the epoch."""
    hours: int
    """How far back it looked."""
    duplicate_rows: int
    rollup_differences: int


ErasureState = Literal["begun", "erased", "done"]
"""Begun: it may not be complete. Erased: complete, and looked at once more later. Done: nothing had come back."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Somebody whose events are erased and may not come back, by hashes."""

    tenant: str
    salt: str
    digests: tuple[str, ...]
    """Of the person's ids under this salt (``millrace_core.privacy.digest_of``)."""
    before: int
    """Events that were received before this time, in milliseconds since the epoch, are gone; later ones stay."""
    actor: str
    at: int
    """Milliseconds since the epoch."""
    state: ErasureState = "begun"
    hours: tuple[int, ...] = ()
    """Hours (numbered from the epoch) whose rollups are to be computed anew."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows of each table were found."""
    id: int = 0
    """Given by the store."""


class Erasures(Protocol):
    """Who was erased. Kept for ever: a log or a backup may hold their events for longer than anyone knows."""

    async def salt(self, tenant: str) -> str:
        """That of the tenant's last erasure, else a new one: with one salt an id is hashed once, however many were erased."""
        ...

    async def begin(self, erasure: Erasure) -> Erasure:
        """Keep it, and say in the trail that it was asked for."""
        ...

    async def note(self, erasure_id: int, hours: Sequence[int], rows: Mapping[str, int]) -> None:
        """Write down what is about to be deleted."""
        ...

    async def settle(self, erasure_id: int, state: ErasureState, actor: str = "server") -> None:
        """Move it on, and say in the trail when it was erased."""
        ...

    async def erasures(
        self, *, tenant: str | None = None, unfinished: bool = False, after: int = 0, limit: int = 1_000
    ) -> Sequence[Erasure]:
        """The oldest first, from behind id ``after``."""
        ...


class Records(Protocol):
    """What the platform remembers about itself. Every method raises RecordsUnavailable where the store does not answer."""

    @property
    def access(self) -> AccessPorts:
        """Keys, users, sessions and the trail of their changes, on the same store."""
        ...

    @property
    def erasures(self) -> Erasures:
        """Who was erased, likewise."""
        ...

    @property
    def questions(self) -> QuestionRecords:
        """Of questions in plain language, likewise."""
        ...

    @property
    def statements(self) -> StatementRecords:
        """Of statements in SQL, likewise."""
        ...

    @property
    def catalogue(self) -> CatalogueRecords:
        """Of what tenants write about their data, likewise."""
        ...

    @property
    def dashboards(self) -> DashboardRecords:
        """Of dashboards, likewise."""
        ...

    async def tenants(self) -> Sequence[Tenant]:
        """Everyone who has a record, by name."""
        ...

    async def tenant(self, name: str) -> Tenant:
        """One tenant's record.

        Raises:
            NotFound: it has none.
        """
        ...

    async def put_tenant(self, tenant: Tenant, actor: str = "server") -> None:
        """Make the tenant's record, or replace it; the trail says who did."""
        ...

    async def remove_tenant(self, name: str, actor: str = "server") -> bool:
        """Remove the tenant's record, not its events; whether there was one."""
        ...

    async def decide(self, decisions: Sequence[Decision]) -> None:
        """Write down what was decided."""
        ...

    async def decisions(self, *, tenant: str | None = None, after: int = 0, limit: int = 100) -> Sequence[Decision]:
        """What was decided, the oldest first, from behind id ``after``."""
        ...

    async def save_audit(self, state: AuditState) -> None:
        """Replace what the last audit found."""
        ...

    async def last_audit(self) -> AuditState | None:
        """What the last audit found, None before the first."""
        ...

    async def ping(self) -> None:
        """Return when the store answers."""
        ...
