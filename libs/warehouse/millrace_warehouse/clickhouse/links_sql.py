"""The statements that compare the links of visitors to users with the events that say them, and complete them."""

from typing import Final

_COLUMNS: Final = "customer_id, visitor_id, user_id, timestamp, event_id, event_type"
_IN_SPAN: Final = (
    "timestamp >= fromUnixTimestamp64Milli({first:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
)
# As the view of the migration has it; a test compares them.
IS_LINK: Final = "event_type IN ('identify', 'alias') AND visitor_id != '' AND user_id != '' AND visitor_id != user_id"

_MISSING: Final = (
    f"FROM events_raw WHERE {_IN_SPAN} AND {IS_LINK} AND (customer_id, event_id) NOT IN "
    f"(SELECT customer_id, event_id FROM identity_links WHERE {_IN_SPAN})"
)
MISSING: Final = (
    f"SELECT customer_id, toString(toStartOfHour(timestamp)) AS hour, count() {_MISSING} GROUP BY customer_id, hour"
)
"""Tenant, hour and number of links between ``first`` and ``end`` (milliseconds) whose events are there and they are not."""
COMPLETE: Final = f"INSERT INTO identity_links ({_COLUMNS}) SELECT {_COLUMNS} {_MISSING}"
"""Adds them. Links are never removed here: the table knows a link twice as once."""
