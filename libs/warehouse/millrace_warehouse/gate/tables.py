"""What a statement may read: the tables of events and rollups, and of each the columns that are a tenant's business."""

from collections.abc import Mapping, Sequence
from typing import Final

HIDDEN_COLUMNS: Final = frozenset({"_p", "_o", "_i", "key_id", "outcome_id"})
"""``_o`` counts the events of all tenants, and ``outcome_id`` may hold one; a key's id is the owner's business."""

_ROLLED: Final = "with `uniqMerge(visitors)` for how many visitors; `is_bot` tells bots from people."

MEANINGS: Final[Mapping[str, str]] = {
    "events_raw": "Every event. `properties` is JSON as it was sent (`JSONExtract…`), `props` the same to be read by path.",
    "events_by_minute": f"Events counted by minute and type, {_ROLLED}",
    "events_by_hour": f"Events counted by hour and type, {_ROLLED}",
    "pages_by_minute": f"Page views counted by minute and path, {_ROLLED}",
    "pages_by_hour": f"Page views counted by hour and path, {_ROLLED}",
    "identity_links": "Which visitor is which user, from `identify` and `alias`; the latest holds.",
    "ingest_outcomes": "What became of events that are not stored as they came; read it with FINAL.",
}
"""Of each table that can be read, for people."""

READABLE: Final = tuple(MEANINGS)


def public_columns(described: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """For each readable table the columns that a scoped read lists.

    Args:
        described: the columns of every table of the database, in their order, materialised ones included.
    """
    return {table: tuple(one for one in described[table] if one not in HIDDEN_COLUMNS) for table in READABLE}
