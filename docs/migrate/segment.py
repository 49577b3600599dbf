"""Events for `millrace import` of Segment's archive: calls as JSON lines on standard input, events on the other side.

gunzip -c segment-logs/*/*/*.gz | python3 docs/migrate/segment.py TENANT > history.ndjson

Needs nothing but Python. It says of people, types and pages what Millrace says of calls that Segment's SDKs send.
"""

import json
import re
import sys
import uuid
from typing import Any, Final

_TYPES: Final = {"page": "page_view", "screen": "screen_view"}
_BESIDE: Final = {"page": "category", "screen": "category", "group": "groupId", "alias": "previousId"}
# Under it Millrace makes UUIDs of ids that are none; tests/e2e/test_migration_guides.py sends the same call both ways.
_NAMESPACE: Final = uuid.UUID("6d1f3a52-94c1-5f0e-9a7e-6f3b1c0d2e48")
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z").match


def event(call: dict[str, Any], tenant: str) -> dict[str, Any]:
    """The event of a call. What somebody is (traits) are the properties of the event that says so."""
    kind = call["type"]
    context = call.get("context") or {}
    said = call.get("traits") if kind in ("identify", "group") else call.get("properties")
    beside = _BESIDE.get(kind)
    more = {beside: call[beside]} if beside is not None and call.get(beside) else {}
    return {
        "event_id": _id(call["messageId"], tenant),
        "event_type": call["event"] if kind == "track" else _TYPES.get(kind, kind),
        "event_name": call.get("name"),
        "timestamp": call.get("originalTimestamp") or call.get("timestamp"),
        "visitor_id": call.get("previousId") if kind == "alias" else call.get("anonymousId"),
        "user_id": call.get("userId"),
        "session_id": context.get("sessionId"),
        "properties": {**more, **(said or {})},
        "context": context,
    }


def _id(message_id: str, tenant: str) -> str:
    """As it is made of a call that comes live, so that both are one event."""
    if _is_uuid(message_id):
        return message_id
    return str(uuid.uuid5(uuid.uuid5(_NAMESPACE, tenant), f"message_id\0{message_id}"))


if __name__ == "__main__":
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(json.dumps(event(json.loads(line), sys.argv[1]), ensure_ascii=False) + "\n")
