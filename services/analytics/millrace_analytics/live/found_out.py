"""What the consumer finds out of events that were accepted: that one came before, or that the warehouse refuses it. The log
does not say it, so the warehouse is asked."""

from collections.abc import Sequence
from typing import Final

from millrace_analytics.live.frames import Place
from millrace_analytics.live.views import not_accepted
from millrace_core.time import iso_time
from millrace_eventlog.records import TailPosition
from millrace_warehouse.ports import Warehouse

# A partition's outcomes are stored in the order of its records, so the last position that was told is enough to go on from.
_SINCE: Final = (
    "SELECT _p, _o, _i, outcome, reason, events, sample, protocol, key_id, toUnixTimestamp64Milli(last_at) "
    "FROM ingest_outcomes FINAL WHERE customer_id = {tenant:String} AND minute >= now() - toIntervalHour(1) "
    "AND outcome IN ('duplicate', 'dead_letter') AND events > 0 AND reason != 'idempotency_key' "
    "AND (toInt64(_o), toInt64(_i)) > (transform(_p, {partitions:Array(UInt16)}, {offsets:Array(Int64)}, toInt64(-1)), "
    "transform(_p, {partitions:Array(UInt16)}, {indexes:Array(Int64)}, toInt64(-1))) "
    "ORDER BY _o, _i LIMIT {most:UInt32}"
)


class FoundOut:
    """Reads them as they are stored."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    async def since(self, tenant: str, told: TailPosition, most: int) -> tuple[Sequence[Place], Sequence[bytes]]:
        """Places and JSON objects of the tenant's outcomes of the last hour from behind ``told``, which is moved.

        Raises:
            WarehouseUnavailable: try again later.
        """
        partitions = sorted(told.seen)
        values = {
            "tenant": tenant,
            "partitions": partitions,
            "offsets": [told.seen[partition][0] for partition in partitions],
            "indexes": [told.seen[partition][1] for partition in partitions],
            "most": most,
        }
        places: list[Place] = []
        events: list[bytes] = []
        for partition, offset, index, outcome, reason, count, sample, protocol, key_id, at in (
            await self._warehouse.of(tenant).query(_SINCE, values)
        ).rows:
            told.seen[partition] = (offset, index)
            places.append((partition, offset, index))
            events.append(not_accepted(outcome, reason, count, sample, protocol, key_id, iso_time(at)))
        return places, events
