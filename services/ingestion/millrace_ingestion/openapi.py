"""The tracking routes in OpenAPI 3.1, to be merged into the document of the process that serves them."""

from typing import Any, Final

from millrace_core.tenants import TENANT_PATTERN

_IDENTIFIER: Final = {
    "anyOf": [{"type": "string", "maxLength": 512}, {"type": "integer"}, {"type": "null"}],
    "description": "Text; a number is stored as text.",
}
_REQUIRED_IDENTIFIER: Final = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 512}, {"type": "integer"}]}
_TIME: Final = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
    "description": "ISO 8601, or seconds or (from 1e11 on) milliseconds since the epoch.",
}
_REMARK: Final = {
    "type": "object",
    "required": ["index", "event_id", "code", "message"],
    "properties": {
        "index": {"type": "integer", "description": "The event's place in the batch, from 0."},
        "event_id": {"type": ["string", "null"], "description": "As it was sent."},
        "code": {"type": "string"},
        "message": {"type": "string"},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["success", "events_accepted", "events_rejected", "message", "errors"],
    "properties": {
        "success": {"type": "boolean", "description": "False when events were sent and none of them was accepted."},
        "events_accepted": {"type": "integer"},
        "events_rejected": {"type": "integer"},
        "message": {"type": "string"},
        "errors": {"type": "array", "items": _REMARK},
        "durable": {
            "enum": ["log", "local"],
            "description": "Where the accepted events are on disk: in the log, or on this machine until the log has them.",
        },
        "warnings": {"type": "array", "items": _REMARK, "description": "Left out when there are none."},
        "dry_run": {"const": True, "description": "With `?dry_run=1`, and so are the next two. `durable` is left out there."},
        "would_answer": {"type": "integer", "description": "The status of the same request without `dry_run`."},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "row"],
                "properties": {"index": {"type": "integer"}, "row": {"type": "object"}},
            },
            "description": "The columns of `events_raw` of each event that would be accepted, of the first 1,000.",
        },
    },
}
_ERROR: Final = {
    "type": "object",
    "required": ["success", "code", "message", "detail", "error", "request_id"],
    "properties": {
        "success": {"const": False},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"description": "What more there is to say."},
        "error": {"type": "string"},
        "request_id": {"type": "string"},
        "stored": {
            "enum": ["unknown", "nothing"],
            "description": "With 503. `unknown`: the events may be stored, and sending them again with the same ids is safe.",
        },
    },
}
_EVENT: Final = {
    "type": "object",
    "required": ["event_type"],
    "anyOf": [
        {"required": [name], "properties": {name: _REQUIRED_IDENTIFIER}} for name in ("visitor_id", "user_id", "session_id")
    ],
    "properties": {
        "customer_id": {
            "type": "string",
            "pattern": TENANT_PATTERN,
            "description": "The default is the tenant of the key; without keys it is needed.",
        },
        "write_key": {"type": "string", "description": "The key, where headers cannot be set (beacons)."},
        "event_type": {"type": "string", "minLength": 1, "maxLength": 256},
        "event_name": {"type": ["string", "null"], "maxLength": 256, "description": "The default is event_type."},
        "visitor_id": _IDENTIFIER,
        "user_id": _IDENTIFIER,
        "session_id": _IDENTIFIER,
        "properties": {"type": ["object", "null"], "description": "Stored as sent. Up to 32 levels deep."},
        "page_url": {"type": ["string", "null"], "maxLength": 8192},
        "referrer": {"type": ["string", "null"], "maxLength": 8192},
        "event_id": {**_IDENTIFIER, "description": "Names the event: sent again with the same id it counts once."},
        "timestamp": {
            **_TIME,
            "description": "When it happened; the default is the time inside a UUIDv7 `event_id`, else the time of arrival.",
        },
        "sent_at": {
            "anyOf": [{"type": "string", "maxLength": 64}, {"type": "number"}, {"type": "null"}],
            "description": "The client's clock when it sent the request. What is no time is ignored, with a warning.",
        },
        "context": {
            "type": ["object", "null"],
            "description": "For servers that send for browsers: `ip`, `userAgent`, `locale`, `page`, `campaign` are read.",
        },
    },
}
_EXAMPLE: Final = {
    "customer_id": "demo",
    "visitor_id": "visitor-1",
    "event_type": "page_view",
    "properties": {"page": "/pricing", "title": "Pricing"},
    "page_url": "https://shop.example.com/pricing",
}
_PARAMETERS: Final = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "Names this request: events without an id get theirs from it, so that a retry counts once.",
    },
    {"name": "X-Request-ID", "in": "header", "schema": {"type": "string"}, "description": "Comes back in the answer."},
]
_DRY_RUN: Final = {
    "name": "dry_run",
    "in": "query",
    "schema": {"type": "string"},
    "description": "With `1` or `true` nothing is stored and nothing counts: the answer says what would become of the events "
    "(`would_answer` is the status) and has the row of each that would be accepted.",
}
_STRICT: Final = {
    "name": "strict",
    "in": "query",
    "schema": {"type": "string"},
    "description": "With `1` or `true` one rejected event rejects the whole batch (400, nothing is stored).",
}
_STATUSES: Final = {
    "401": "Where `MILLRACE_AUTH=required`: there is no key, or none that is valid.",
    "403": "The key may not send events, not from this page, or, on `/track`, not for this tenant.",
    "400": "The body or, on `/track`, its event cannot be stored as it is.",
    "409": "The `Idempotency-Key` was used for other events (`idempotency_key_reused`); none of these is stored.",
    "413": "The body, its inflated form, a batch or an event is too large.",
    "415": "The content encoding is none of gzip, deflate, br and zstd.",
    "429": "The tenant has sent what its limit allows (`tenant_rate_limited`); nothing is stored. `Retry-After` says when.",
    "503": "The log is not available, or the process has too much to do: send it again after `Retry-After` seconds.",
}


def paths() -> dict[str, Any]:
    """The path items of ``/track`` and ``/track/batch``; they refer to nothing outside of themselves."""
    batch = {
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {
                "type": "array",
                "maxItems": 10_000,
                "items": {},
                "description": "Events as `/track` takes them. Each has its own verdict: what cannot be stored is in `errors`.",
            },
            "sent_at": {"description": "The default of `sent_at` in each event."},
        },
        "example": {"events": [_EXAMPLE]},
    }
    return {
        "/track": {"post": _operation("track", "Store an event", {**_EVENT, "example": _EXAMPLE}, [*_PARAMETERS, _DRY_RUN])},
        "/track/batch": {
            "post": _operation("track_batch", "Store a batch of events", batch, [*_PARAMETERS, _STRICT, _DRY_RUN])
        },
    }


def _operation(name: str, summary: str, schema: dict[str, Any], parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["ingestion"],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "The events are durable.", "content": {"application/json": {"schema": _ANSWER}}},
            **{
                status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
                for status, text in _STATUSES.items()
            },
        },
    }
