"""Events for `millrace import` of a PostHog export: JSON lines of its model Events on standard input, events on the other side.

python3 docs/migrate/posthog.py < export.jsonl > history.ndjson

Needs nothing but Python. It says of people, types and pages what Millrace says of events that PostHog's SDKs send.
"""

import json
import sys
from typing import Any, Final

_TYPES: Final = {
    "$pageview": "page_view",
    "$screen": "screen_view",
    "$pageleave": "page_leave",
    "$identify": "identify",
    "$create_alias": "alias",
    "$groupidentify": "group",
}


def event(row: dict[str, Any]) -> dict[str, Any]:
    """The event of a row; in Parquet and in some destinations `properties` is text."""
    said = row.get("properties") or {}
    properties: dict[str, Any] = json.loads(said) if isinstance(said, str) else said
    visitor, user = _people(row["event"], row["distinct_id"], properties)
    referrer = properties.get("$referrer")
    return {
        "event_id": row["uuid"],
        "event_type": _TYPES.get(row["event"], row["event"]),
        "event_name": row["event"],
        "timestamp": row["timestamp"],
        "visitor_id": visitor,
        "user_id": user,
        "session_id": properties.get("$session_id"),
        "page_url": properties.get("$current_url"),
        "referrer": None if referrer == "$direct" else referrer,
        "properties": properties,
    }


def _people(name: str, distinct_id: str, properties: dict[str, Any]) -> tuple[str, str]:
    """Visitor and user. A browser names its device beside the person, a server knows the person alone."""
    device = properties.get("$device_id") or ""
    if name == "$create_alias":
        return properties.get("distinct_id") or distinct_id, properties.get("alias") or ""
    if name == "$identify":
        return device or properties.get("$anon_distinct_id") or "", distinct_id
    if device:
        return device, distinct_id if properties.get("$is_identified", distinct_id != device) else ""
    return distinct_id, "" if properties.get("$process_person_profile") is False else distinct_id


if __name__ == "__main__":
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(json.dumps(event(json.loads(line)), ensure_ascii=False) + "\n")
