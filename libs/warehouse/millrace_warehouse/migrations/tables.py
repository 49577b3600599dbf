"""Every table and view of the platform: the one list that migrations, row policies, rebuild, audit and sizes go by."""

from dataclasses import dataclass
from typing import Final

DATABASE: Final = "analytics"
"""The default database of every connection, so that ``events_raw`` needs no prefix."""

OWN_ROWS: Final = "customer_id = getSetting('log_comment')"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view, and which of its rows a tenant's connection sees: without a filter none."""

    name: str
    tenant_filter: str = ""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table that a materialised view fills from ``events_raw``.

    Args:
        name: the table; the view has its name with ``_mv`` behind.
        keys: the columns that name a bucket; ``bucket`` among them.
        bucket: the column of the bucket's start.
        count: the column that sums events.
        select: what the view computes of rows of ``events_raw``, without FROM.
        group: the columns that it groups by.
        where: which rows it takes.
    """

    name: str
    bucket: str
    count: str
    select: str
    group: str
    where: str = "1"

    @property
    def view(self) -> str:
        """The name of the materialised view."""
        return f"{self.name}_mv"


def _events(name: str, bucket: str, rounded: str) -> Rollup:
    return Rollup(
        name=name,
        bucket=bucket,
        count="events",
        select=f"customer_id, {rounded}(timestamp) AS {bucket}, event_type, is_bot, count() AS events, "
        "uniqState(visitor_id) AS visitors",
        group=f"customer_id, {bucket}, event_type, is_bot",
    )


def _pages(name: str, bucket: str, rounded: str) -> Rollup:
    return Rollup(
        name=name,
        bucket=bucket,
        count="views",
        select=f"customer_id, {rounded}(timestamp) AS {bucket}, page_path, is_bot, count() AS views, "
        "uniqState(visitor_id) AS visitors",
        group=f"customer_id, {bucket}, page_path, is_bot",
        where="event_type = 'page_view' AND page_path != ''",
    )


ROLLUPS: Final = (
    _events("events_by_minute", "minute", "toStartOfMinute"),
    _events("events_by_hour", "hour", "toStartOfHour"),
    _pages("pages_by_minute", "minute", "toStartOfMinute"),
    _pages("pages_by_hour", "hour", "toStartOfHour"),
)

EVENTS: Final = Table("events_raw", OWN_ROWS)

# A view needs an entry of its own: a read of it takes the filter of its own name, not that of the table behind it.
TABLES: Final = (
    EVENTS,
    *(Table(rollup.name, OWN_ROWS) for rollup in ROLLUPS),
    *(Table(rollup.view) for rollup in ROLLUPS),
    Table("event_ids"),
    Table("event_ids_mv"),
    Table("events_probe"),
    Table("schema_migrations"),
)
"""All of them, with who may read what."""
