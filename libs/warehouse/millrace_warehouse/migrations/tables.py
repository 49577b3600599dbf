"""Every table and view of the platform: the one list that row policies, rebuild, audit and sizes go by. A test holds it
against what the migrations create."""

from dataclasses import dataclass
from typing import Final

DATABASE: Final = "analytics"
"""The default database of every connection, so that ``events_raw`` needs no prefix."""

EVENT_IDS_HOURS: Final = 48
"""How long an id counts as recent. The table keeps an hour more: its oldest partition is an hour wide."""

OWN_ROWS: Final = "customer_id = getSetting('log_comment')"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view, and which of its rows a tenant's connection sees: without a filter none."""

    name: str
    tenant_filter: str = ""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table that a materialised view fills from ``events_raw``: events and visitors by tenant, time, one dimension, bot."""

    name: str
    bucket: str
    """The column of a bucket's start: ``minute`` or ``hour``."""
    rounding: str
    """The function that makes it of a timestamp."""
    dimension: str
    count: str
    """The column that sums events."""
    where: str
    """Which events it takes."""
    computed: str = ""
    """The dimension as it is computed of an event; a column of events where it is not."""
    sketch: str = "uniq"
    """The function whose states are kept in ``visitors``."""
    has_newest: bool = False
    """Whether the newest event of a bucket stands beside them."""
    hours: int = 0
    """Events that arrive later than this are not in it, and rows go some hours later; 0 keeps all."""

    @property
    def view(self) -> str:
        """The materialised view that fills it."""
        return f"{self.name}_mv"

    @property
    def select(self) -> str:
        """What the view selects, in the view's own order of columns, without FROM."""
        dimension = f"{self.computed} AS {self.dimension}" if self.computed else self.dimension
        return (
            f"SELECT customer_id, {self.rounding}(timestamp) AS {self.bucket}, {dimension}, is_bot, "
            f"count() AS {self.count}, {self.visitors('StateIf')}(visitor_id, visitor_id != '') AS visitors"
            f"{', max(timestamp) AS newest' if self.has_newest else ''}"
        )

    def visitors(self, combinator: str) -> str:
        """The function of visitors with one of the engine's combinators (``MergeIf``)."""
        name, bracket, parameters = self.sketch.partition("(")
        return f"{name}{combinator}{bracket}{parameters}"

    @property
    def group(self) -> str:
        """The columns that name a bucket."""
        return f"customer_id, {self.bucket}, {self.dimension}, is_bot"


_VIEWS: Final = "event_type = 'page_view' AND page_path != ''"

ROLLUPS: Final = (
    Rollup("events_by_minute", "minute", "toStartOfMinute", "event_type", "events", "1"),
    Rollup("events_by_hour", "hour", "toStartOfHour", "event_type", "events", "1"),
    Rollup("pages_by_minute", "minute", "toStartOfMinute", "page_path", "views", _VIEWS),
    Rollup("pages_by_hour", "hour", "toStartOfHour", "page_path", "views", _VIEWS),
)

LIVE: Final = Rollup(
    "live_by_minute",
    "minute",
    "toStartOfMinute",
    "page",
    "events",
    "timestamp >= now() - toIntervalHour(6)",
    computed="arrayJoin(if(event_type = 'page_view' AND page_path != '', ['', page_path], ['']))",
    sketch="uniqCombined(12)",
    has_newest=True,
    hours=6,
)
"""What the live dashboard reads: all events of a minute (page ``''``), and its page views by page."""

FIRST_MOVED: Final = 65_000
"""Partitions from here on are of moved events: no log has so many, so no position of its own is taken for one of theirs."""

OUTCOMES: Final = "ingest_outcomes"
"""What became of events that are not stored as they came."""

MOVING: Final = "events_moving"
"""Not of the schema: a month of events in the order of their arrival, while ``millrace move`` reads it."""

# A view needs an entry of its own: a read of it takes the filter of its own name, not that of the table behind it (seen on
# 26.9: without one, a tenant's connection read every tenant through the view).
TABLES: Final = (
    Table("events_raw", OWN_ROWS),
    *(Table(rollup.name, OWN_ROWS) for rollup in ROLLUPS),
    *(Table(rollup.view) for rollup in ROLLUPS),
    Table(LIVE.name, OWN_ROWS),
    Table(LIVE.view),
    Table("identity_links", OWN_ROWS),
    Table("identity_links_mv"),
    Table(OUTCOMES, OWN_ROWS),
    Table("event_ids"),
    Table("event_ids_mv"),
    Table("events_probe"),
    Table("schema_migrations"),
    Table(MOVING),
)
"""All of them, with who may read what."""
