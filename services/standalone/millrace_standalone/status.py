"""What a process with a consumer knows of itself: ``/health`` and ``millrace status``."""

from collections.abc import Awaitable, Callable
from typing import Any

from millrace_consumer.consumer import Consumer
from millrace_core import metrics as names
from millrace_core.errors import RecordsUnavailable
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogPorts
from millrace_records.ports import Records
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_standalone.process import version
from millrace_warehouse.ports import WarehouseAdmin


def status_of(
    log: LogPorts, warehouse: WarehouseAdmin, records: Records, consuming: Consumer, health: Health, metrics: Metrics
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Tells lag, freshness, dead letters and sizes when it is called."""

    async def status() -> dict[str, Any]:
        lag = await consuming.lag()
        oldest = lag.oldest_stored_at
        readiness = await health.readiness()
        return {
            "version": version(),
            "checks": dict(readiness.checks),
            "lag": {
                "events": lag.records,
                "bytes": lag.bytes,
                "seconds": 0.0 if oldest is None else round(max(0, now_ms() - oldest) / 1000, 3),
                "oldest_at": None if oldest is None else iso_time(oldest),
            },
            "freshness": _freshness(metrics),
            "audit": await _audit(records),
            "dead_letters": await log.dead_letters.count(),
            "log_bytes": log.bytes_on_disk(),
            "tables": [
                {"table": one.table, "rows": one.rows, "bytes": one.bytes, "parts": one.parts}
                for one in await warehouse.sizes()
            ],
        }

    return status


async def _audit(records: Records) -> dict[str, Any] | None:
    """What the last audit found, None before the first and where the records do not tell."""
    try:
        found = await records.last_audit()
    except RecordsUnavailable:
        return None
    if found is None:
        return None
    return {
        "at": iso_time(found.at),
        "hours": found.hours,
        "duplicate_rows": found.duplicate_rows,
        "rollup_differences": found.rollup_differences,
    }


def _freshness(metrics: Metrics) -> dict[str, Any]:
    """From accepted to queryable, of the oldest event of each batch since the start."""
    name = names.FRESHNESS.name
    kept = metrics.registry.restricted_registry([f"{name}_count", f"{name}_sum"])
    found = {sample.name: sample.value for metric in kept.collect() for sample in metric.samples}
    batches, seconds = found.get(f"{name}_count", 0.0), found.get(f"{name}_sum", 0.0)
    return {"batches": int(batches), "average_seconds": round(seconds / batches, 3) if batches else None}
