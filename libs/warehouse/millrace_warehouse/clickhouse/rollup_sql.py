"""The statements that recompute a rollup and compare it. Names come from the list of rollups, values are bound."""

from typing import Final

from millrace_warehouse.migrations.layout import Layout
from millrace_warehouse.migrations.tables import Rollup

_SPAN: Final = (
    "{column} >= fromUnixTimestamp64Milli({{first:Int64}}, 'UTC') AND {column} < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC')"
)


def has_rows(rollup: Rollup) -> str:
    """One row if the rollup has any between ``first`` and ``end`` (milliseconds)."""
    return f"SELECT 1 FROM {rollup.name} WHERE {_stored(rollup)} LIMIT 1"


def delete(rollup: Rollup, layout: Layout) -> str:
    """Empties the rollup between ``first`` and ``end``."""
    return f"DELETE FROM {layout.stored(rollup.name)} WHERE {_stored(rollup)}"


def refill(rollup: Rollup) -> str:
    """Fills the rollup between ``first`` and ``end``, whole buckets, from the events."""
    return f"INSERT INTO {rollup.name} {_recomputed(rollup)}"


def differences(rollup: Rollup) -> str:
    """Buckets between ``first`` and ``end`` whose sums are not those of the events: tenant, bucket, dimension, is_bot, count
    stored, count recomputed, visitors stored, visitors recomputed.

    Both sides stand under one GROUP BY, which spills to disk where a join would not.
    """
    columns = f"{rollup.group}, {rollup.count} AS events, visitors"
    merged = rollup.visitors("MergeIf")
    return (
        f"SELECT customer_id, toString({rollup.bucket}), {rollup.dimension}, is_bot, "
        "toUInt64(sumIf(events, stored)) AS kept, toUInt64(sumIf(events, NOT stored)) AS computed, "
        f"{merged}(visitors, stored) AS kept_visitors, {merged}(visitors, NOT stored) AS computed_visitors "
        f"FROM (SELECT {columns}, true AS stored FROM {rollup.name} WHERE {_stored(rollup)} "
        f"UNION ALL SELECT {columns}, false AS stored FROM ({_recomputed(rollup)})) "
        f"GROUP BY {rollup.group} HAVING kept != computed OR kept_visitors != computed_visitors "
        f"ORDER BY {rollup.group} LIMIT 10000"
    )


def _stored(rollup: Rollup) -> str:
    return _SPAN.format(column=rollup.bucket)


def _recomputed(rollup: Rollup) -> str:
    where = f"{_SPAN.format(column='timestamp')} AND {rollup.where}"
    return f"{rollup.select} FROM events_raw FINAL WHERE {where} GROUP BY {rollup.group}"
