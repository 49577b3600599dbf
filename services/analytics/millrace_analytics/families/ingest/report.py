"""What arrived of a tenant's events in the last minutes, and what became of it."""

import datetime
from collections.abc import Iterable
from typing import Any, Final

from millrace_analytics.families.ingest.schemas import Report, ReportCounts, ReportMinute
from millrace_core.time import iso_time
from millrace_warehouse.ports import TenantWarehouse

MOST_MINUTES: Final = 24 * 60
_MINUTE_MS: Final = 60_000

# ``ingested_at`` has an index and ``received_at`` has none. It is the log's time: its clock may be behind ingestion's a little.
_STORED: Final = (
    "SELECT toUnixTimestamp(toStartOfMinute(received_at)) AS at, count() AS events, countIf(is_bot) AS bots "
    "FROM events_raw WHERE customer_id = {tenant:String} AND ingested_at >= {first:DateTime} - toIntervalMinute(10) "
    "AND received_at >= {first:DateTime} GROUP BY at"
)
# A row a minute, as there may be many reasons: an answer has so many rows at most.
_OUTCOMES: Final = (
    "SELECT at, groupArray((outcome, reason, counted)) FROM ("
    "SELECT toUnixTimestamp(minute) AS at, outcome, reason, sum(events) AS counted FROM ingest_outcomes FINAL "
    "WHERE customer_id = {tenant:String} AND minute >= {first:DateTime} AND events > 0 GROUP BY at, outcome, reason) "
    "GROUP BY at"
)


async def report_of(warehouse: TenantWarehouse, minutes: int, now: int) -> Report:
    """The report of so many minutes up to now (milliseconds since the epoch), that of now included.

    Raises:
        WarehouseUnavailable: try again later.
    """
    first = now // _MINUTE_MS * _MINUTE_MS - (minutes - 1) * _MINUTE_MS
    values = {"tenant": warehouse.tenant, "first": datetime.datetime.fromtimestamp(first // 1000, datetime.UTC)}
    found: dict[int, ReportMinute] = {}
    for at, events, bots in (await warehouse.query(_STORED, values)).rows:
        counts = _at(found, at)
        counts.accepted, counts.bot = events, bots
    for at, outcomes in (await warehouse.query(_OUTCOMES, values)).rows:
        for outcome, reason, events in outcomes:
            _add(_at(found, at), outcome, reason, events)
    for counts in found.values():
        counts.received = _received(counts)
    return Report(
        customer_id=warehouse.tenant,
        since=iso_time(first),
        until=iso_time(now),
        totals=_total(found.values()),
        minutes=[found[at] for at in sorted(found, reverse=True)],
    )


def _at(found: dict[int, ReportMinute], seconds: int) -> ReportMinute:
    if seconds not in found:
        found[seconds] = ReportMinute(minute=iso_time(seconds * 1000), **_nothing())
    return found[seconds]


def _nothing() -> dict[str, Any]:
    return {"received": 0, "accepted": 0, "duplicate": 0, "dead_letter": 0, "rejected": {}, "limited": 0, "bot": 0}


def _add(counts: ReportCounts, outcome: str, reason: str, events: int) -> None:
    match outcome:
        case "rejected":
            counts.rejected[reason] = counts.rejected.get(reason, 0) + events
        case "duplicate":
            counts.duplicate += events
        case "dead_letter":
            counts.dead_letter += events
        case "limited":
            counts.limited += events


def _received(counts: ReportCounts) -> int:
    return counts.accepted + counts.duplicate + counts.dead_letter + counts.limited + sum(counts.rejected.values())


def _total(minutes: Iterable[ReportCounts]) -> ReportCounts:
    total = ReportCounts(**_nothing())
    for one in minutes:
        for name in ("received", "accepted", "duplicate", "dead_letter", "limited", "bot"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        for code, events in one.rejected.items():
            _add(total, "rejected", code, events)
    return total
