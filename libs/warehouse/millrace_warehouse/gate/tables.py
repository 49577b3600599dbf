"""What a statement may read: the tables of events and rollups, and of each the columns that are a tenant's business."""

from collections.abc import Mapping, Sequence
from typing import Final

HIDDEN_COLUMNS: Final = frozenset({"_p", "_o", "_i", "key_id", "outcome_id"})
"""``_o`` counts the events of all tenants, and ``outcome_id`` may hold one; a key's id is the owner's business."""

READABLE: Final = (
    "events_raw",
    "events_by_minute",
    "events_by_hour",
    "pages_by_minute",
    "pages_by_hour",
    "identity_links",
    "ingest_outcomes",
)


def public_columns(described: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """For each readable table the columns that a scoped read lists.

    Args:
        described: the columns of every table of the database, in their order, materialised ones included.
    """
    return {table: tuple(one for one in described[table] if one not in HIDDEN_COLUMNS) for table in READABLE}
