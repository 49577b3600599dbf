"""What one user did, in the product family's shape; every number is counted by hand here."""

import datetime
from typing import Any

import httpx
import pytest

from millrace_core.time import iso_time
from tests.support import plain
from tests.support.analytics import post, view
from tests.support.server import Server

_NOON = int(datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
_DAY = 86_400_000
_MINUTE = 60_000


def _day(ago: int) -> str:
    return iso_time(_NOON - ago * _DAY)[:10]


@pytest.fixture(scope="module")
def chats(server: Server) -> Server:
    """ada: two sessions of ten and of 20 minutes, forty and ten days ago, three messages, two topics, two scores; her phone is
    linked to her. bob was there 50 days ago. Somebody else has her name at the neighbour."""

    def event(who: str, ago: int, minute: int, kind: str, **properties: Any) -> dict[str, Any]:
        at = iso_time(_NOON - ago * _DAY + minute * _MINUTE)
        whose = {"user_id": who} if who in ("ada", "bob") else {}
        return {**view("chats", f"{who}-v", event_type=kind, timestamp=at), **whose, "properties": properties}

    old = [
        event("ada", 40, 0, "conversation_started", topic="support"),
        event("ada", 40, 4, "message"),
        event("ada", 40, 10, "feedback", satisfaction=5),
    ]
    new = [
        event("phone", 10, 0, "conversation_started", topic="billing"),
        event("phone", 10, 5, "message"),
        event("phone", 10, 6, "conversation_started", topic="billing"),
        event("phone", 10, 15, "message"),
        event("ada", 10, 20, "feedback", satisfaction=4),
    ]
    link = {"customer_id": "chats", "visitor_id": "phone-v", "user_id": "ada", "event_type": "identify"}
    link["timestamp"] = iso_time(_NOON - 10 * _DAY + 7 * _MINUTE)
    foreign = {**view("neighbour", "x", event_type="message"), "user_id": "ada"}
    post(server, *old, *new, link, event("bob", 50, 0, "message"), foreign, view("chats", "today-v"))
    server.wait_until_stored()
    return server


def _ask(server: Server, user: str, tenant: str = "chats", **asked: str) -> httpx.Response:
    url = f"{server.url}/api/v1/analytics/users/{user}/analytics"
    return plain.get(url, params=asked, headers={"X-Tenant-ID": tenant}, timeout=60)


def test_a_user_is_told_with_all_that_is_linked_to_them(chats: Server) -> None:
    answer = _ask(chats, "ada")
    assert answer.status_code == 200, answer.text
    last = iso_time(_NOON - 10 * _DAY + 20 * _MINUTE)
    assert answer.json() == {
        "user_id": "ada",
        "metrics": {
            "total_sessions": 2, "average_session_duration": 900, "total_messages": 3, "satisfaction_score": 4.5,
            "last_active": last, "topics_discussed": ["billing", "support"],
        },
        "engagement": {"daily_active": False, "retention_30d": round(1 / 30, 4), "churn_risk": "medium"},
    }  # fmt: skip
    assert answer.headers["x-cache"] == "miss"
    assert _ask(chats, "phone-v").json()["metrics"] == answer.json()["metrics"], "any name of theirs finds them"


def test_dates_and_metrics_choose_what_is_told(chats: Server) -> None:
    early = {"start_date": _day(45), "end_date": _day(40)}
    assert _ask(chats, "ada", metrics="total_messages,total_sessions,events", **early).json()["metrics"] == {
        "total_messages": 1, "total_sessions": 1, "events": 3,
    }  # fmt: skip
    assert _ask(chats, "ada", metrics="topics_discussed", start_date=_day(20)).json()["metrics"] == {
        "topics_discussed": ["billing"]
    }
    nothing = _ask(chats, "ada", start_date=_day(5)).json()["metrics"]
    assert (nothing["total_sessions"], nothing["average_session_duration"], nothing["satisfaction_score"]) == (0, None, None)


def test_engagement_is_of_now(chats: Server) -> None:
    assert _ask(chats, "bob").json()["engagement"] == {"daily_active": False, "retention_30d": 0.0, "churn_risk": "high"}
    today = _ask(chats, "today-v").json()["engagement"]
    assert today == {"daily_active": True, "retention_30d": round(1 / 30, 4), "churn_risk": "low"}


@pytest.mark.parametrize(
    ("user", "asked", "status", "code"),
    [
        ("nobody", {}, 404, "unknown_user"),
        ("ada", {"metrics": "no_such"}, 400, "unknown_metric"),
        ("ada", {"metrics": ",".join(f"m{n}" for n in range(200))}, 400, "unknown_metric"),
        ("ada", {"start_date": "soon"}, 400, "invalid_range"),
        ("ada", {"start_date": "2026-02-02", "end_date": "2026-01-01"}, 400, "invalid_range"),
        ("x" * 201, {}, 400, "invalid_request"),
    ],
)
def test_what_cannot_be_told_is_a_problem(chats: Server, user: str, asked: dict[str, str], status: int, code: str) -> None:
    answer = _ask(chats, user, **asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_tenants_user_is_another_one(chats: Server) -> None:
    assert _ask(chats, "ada", "neighbour").json()["metrics"]["total_messages"] == 1
    assert _ask(chats, "bob", "neighbour").status_code == 404
