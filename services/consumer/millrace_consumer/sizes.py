"""How large the tables are, for whoever watches. Every consumer tells it: all of them see the same tables."""

import asyncio
import contextlib
from typing import Final

from millrace_core import metrics as names
from millrace_core.errors import WarehouseUnavailable
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import WarehouseAdmin

_SECONDS: Final = 30.0


async def report_sizes(admin: WarehouseAdmin, metrics: Metrics) -> None:
    """Tell once.

    Raises:
        WarehouseUnavailable: cannot tell now.
    """
    for size in await admin.sizes():
        metrics.gauge(names.TABLE_ROWS, size.table).set(size.rows)
        metrics.gauge(names.TABLE_BYTES, size.table).set(size.bytes)
        metrics.gauge(names.PARTITION_PARTS, size.table).set(size.partition_parts)


async def report_sizes_regularly(admin: WarehouseAdmin, metrics: Metrics) -> None:
    """At once and every half minute, for ever. What was told last stands while the warehouse is away."""
    while True:
        with contextlib.suppress(WarehouseUnavailable):
            await report_sizes(admin, metrics)
        await asyncio.sleep(_SECONDS)
