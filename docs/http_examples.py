"""Requests that the reference of the HTTP API shows. `tests/contract/test_http_examples.py` sends each of them to a server.

An operation that is not here gets the smallest body that its schema takes.
"""

from typing import Any, Final

VALUES: Final = {
    "customer_id": "demo_tenant",
    "event_id": "visit-1",
    "user_id": "user_456",
    "X-Tenant-ID": "demo_tenant",
}
"""Of parameters, in whichever operation."""

_PURCHASES: Final = {
    "kind": "trend",
    "measures": [{"measure": "metric", "metric": "revenue"}, {"measure": "count"}],
    "by": ["country"],
    "where": {"field": "event_type", "value": "purchase"},
    "range": {"last": 7, "unit": "day"},
    "granularity": "day",
    "top": 3,
}
_FUNNEL: Final = {
    "kind": "funnel",
    "range": {"last": 30, "unit": "day"},
    "steps": [
        {"name": "looked", "where": {"field": "event_type", "value": "page_view"}},
        {"name": "bought", "where": {"field": "event_type", "value": "purchase"}},
    ],
}
_JANUARY: Final = {"start": "2026-01-01", "end": "2026-01-31"}
_BY_TYPE: Final = "SELECT event_type, count() AS events FROM events_raw WHERE customer_id = 'demo_tenant' GROUP BY event_type"

BODIES: Final[dict[str, Any]] = {
    "POST /track": {
        "customer_id": "demo_tenant",
        "visitor_id": "visitor_123",
        "user_id": "user_456",
        "event_type": "purchase",
        "event_id": "visit-1",
        "properties": {"amount": 49.0, "plan": "pro"},
        "page_url": "https://shop.example.com/checkout?utm_source=news",
    },
    "POST /track/batch": {
        "events": [
            {"customer_id": "demo_tenant", "visitor_id": "visitor_123", "event_type": "page_view", "event_id": "view-1"},
            {"customer_id": "demo_tenant", "visitor_id": "visitor_123", "event_type": "signup", "event_id": "signup-1"},
        ]
    },
    "POST /query": {
        "customer_id": "demo_tenant",
        "sql": "SELECT event_type, count() AS n FROM events_raw WHERE customer_id = ? AND event_type IN ? GROUP BY event_type",
        "parameters": ["demo_tenant", ["page_view", "purchase"]],
    },
    "POST /query/check": {"customer_id": "demo_tenant", "sql": _BY_TYPE},
    "POST /ai/query": {"customer_id": "demo_tenant", "query": "Show me the top 10 pages by views today"},
    "POST /ai/query/stream": {"customer_id": "demo_tenant", "query": "How many purchases were there yesterday?"},
    "POST /ai/feedback": {"customer_id": "demo_tenant", "answer_id": "0123456789abcdef", "helpful": True},
    "POST /api/v1/questions": {"customer_id": "demo_tenant", "question": _PURCHASES},
    "POST /api/v1/questions/batch": {"customer_id": "demo_tenant", "questions": [_PURCHASES, _FUNNEL]},
    "POST /api/v1/questions/stream": {"customer_id": "demo_tenant", "question": _FUNNEL},
    "PUT /api/v1/descriptions/{customer_id}": {
        "kind": "event",
        "name": "purchase",
        "label": "Order",
        "description": "Paid for, and not returned",
        "synonyms": ["sale"],
    },
    "PUT /api/v1/segments/{customer_id}/{name}": {
        "label": "Loyal Austrians",
        "where": {
            "all": [
                {"field": "country", "value": "AT"},
                {"did": {"field": "event_type", "value": "purchase"}, "at_least": 3},
            ]
        },
    },
    "POST /api/v1/dashboards/{dashboard_id}/values": {
        "filters": {"range": {"last": 30, "unit": "day"}, "where": {"field": "country", "value": "AT"}}
    },
    "POST /api/v1/shared/values": {"range": {"last": 30, "unit": "day", "align": "to_date"}},
    "POST /api/v1/analytics/funnels": {
        "name": "From a look to an order",
        "steps": [{"name": "looked", "event": "page_view"}, {"name": "bought", "event": "purchase"}],
        "date_range": _JANUARY,
    },
    "POST /api/v1/analytics/cohorts": {"group_by": "week", "date_range": _JANUARY},
    "POST /api/v1/analytics/query": {"query": "SELECT count() AS events FROM events_raw"},
    "PUT /query/saved/{customer_id}/{name}": {
        "sql": "SELECT page_path, count() AS views FROM events_raw WHERE event_type = {type:String} "
        "GROUP BY 1 ORDER BY views DESC LIMIT {n:UInt16}",
        "description": "The pages of one kind of event",
        "defaults": {"type": "page_view", "n": 10},
    },
    "POST /query/saved/{customer_id}/{name}/rows": {"parameters": {"type": "purchase", "n": 3}},
}

NAMES: Final = {"/api/v1/segments/": "loyal_austrians", "/query/saved/": "top_pages"}
"""What ``{name}`` is, by how a path begins."""

QUERIES: Final = {"DELETE /api/v1/descriptions/{customer_id}": "kind=event&name=purchase"}
"""Query strings of operations that need one; of the others only what is required."""
