"""The conditions that say whose a row is, by names or by digests. Values are bound."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from millrace_warehouse.migrations.layout import Layout
from millrace_warehouse.migrations.tables import Rollup
from millrace_warehouse.ports import Erased, Person

NAMES_AT_ONCE: Final = 1_000
"""In one statement: the engine takes 256 KiB of text."""

_DIGEST: Final = "substring(lower(hex(SHA256(concat({{salt:String}}, {column})))), 1, 32)"
_WHOSE: Final = (
    "customer_id = {{tenant:String}} AND (({user} IN {{users:Array(String)}} AND user_id != '') "
    "OR (user_id = '' AND visitor_id != '' AND {visitor} IN {{users:Array(String)}}) "
    "OR (visitor_id != '' AND {visitor} IN {{visitors:Array(String)}}))"
)
BEFORE: Final = "received_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')"

LINKED: Final = (
    "SELECT visitor_id, argMax(user_id, (timestamp, event_id)) FROM identity_links WHERE customer_id = {tenant:String} "
    "GROUP BY visitor_id HAVING visitor_id IN {users:Array(String)} OR countIf(user_id IN {users:Array(String)}) > 0"
)
"""Of every visitor that is one of these names, or was linked to one: to whom the latest link says that it belongs."""


def conditions(whose: Person | Erased) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Conditions of which each row of theirs meets one, and the values of each, without the time."""
    by_name = isinstance(whose, Person)
    user, visitor = (
        ("user_id", "visitor_id") if by_name else (_DIGEST.format(column=each) for each in ("user_id", "visitor_id"))
    )
    where = _WHOSE.format(user=user, visitor=visitor)
    values: dict[str, Any] = {"tenant": whose.tenant, "before": whose.before}
    if isinstance(whose, Erased):
        values["salt"] = whose.salt
    for at in range(0, max(len(whose.users), len(whose.visitors)), NAMES_AT_ONCE):
        chosen = slice(at, at + NAMES_AT_ONCE)
        yield where, {**values, "users": list(whose.users[chosen]), "visitors": list(whose.visitors[chosen])}


def newer_links(where: str) -> str:
    """Ids of the links that were received later: a link itself does not say when."""
    return (
        f"SELECT toString(event_id) FROM identity_links WHERE {where} AND event_id IN "
        f"(SELECT event_id FROM events_raw WHERE {where} AND NOT ({BEFORE}))"
    )


LINK_BEFORE: Final = "event_id NOT IN {newer:Array(UUID)}"


_HOURS: Final = "customer_id = {{tenant:String}} AND intDiv(toUnixTimestamp({column}), 3600) IN {{hours:Array(UInt32)}}"


def empty(rollup: Rollup, layout: Layout, month: int | None = None) -> str:
    """Deletes a tenant's rows of some hours, of a month where the rollup has a partition for each, from it."""
    partition = "" if month is None else f" IN PARTITION '{int(month)}'"
    return f"ALTER TABLE {layout.stored(rollup.name)} DELETE{partition} WHERE {_HOURS.format(column=rollup.bucket)}"


def refill(rollup: Rollup, month: int | None = None) -> str:
    """Computes them from the events."""
    of_month = "" if month is None else f" AND toYYYYMM(timestamp) = {int(month)}"
    where = f"{_HOURS.format(column='timestamp')}{of_month} AND {rollup.where}"
    return f"INSERT INTO {rollup.name} {rollup.select} FROM events_raw FINAL WHERE {where} GROUP BY {rollup.group}"


def shown(person: Person) -> str:
    """The question whose answer has to be 0 for each table, to be read and asked by people."""
    users, visitors = (_quoted(names) for names in (person.users, person.visitors))
    where = _WHOSE.format(user="user_id", visitor="visitor_id")
    for name, value in (
        ("{tenant:String}", _quoted([person.tenant])),
        ("{users:Array(String)}", f"[{users}]"),
        ("{visitors:Array(String)}", f"[{visitors}]"),
    ):
        where = where.replace(name, value)
    before = BEFORE.replace("{before:Int64}", str(person.before))
    return (
        f"SELECT 'events_raw' AS table, count() AS rows FROM events_raw WHERE {where} AND {before} UNION ALL "
        f"SELECT 'identity_links', count() FROM identity_links WHERE {where} AND event_id NOT IN "
        f"(SELECT event_id FROM events_raw WHERE {where} AND NOT ({before}))"
    )


def _quoted(names: Any) -> str:
    return ", ".join("'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'" for name in names)
