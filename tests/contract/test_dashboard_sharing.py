"""Links to dashboards: who has one sees that dashboard and its values without signing in, and nothing else."""

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import Platform, bearer, platform

_SQL = "SELECT count() AS secret_name FROM events_raw"
_WIDGETS: list[dict[str, Any]] = [
    {"id": "asked", "type": "metric", "config": {"question": {"kind": "trend", "measures": [{"measure": "count"}]}}},
    {
        "id": "sql",
        "title": "Rows",
        "config": {"sql": _SQL, "chart_type": "table", "opens": f"sql?sql={_SQL.replace(' ', '+')}"},
    },
    {"id": "said", "type": "text", "config": {"text": "For the board"}},
]


@pytest.fixture(params=["required", "open"])
async def served(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data", auth=request.param) as opened:
        yield opened


@pytest.fixture
async def owner(served: Platform) -> dict[str, str]:
    """The header of who made the dashboard."""
    required = (await served.http.get("/query/history/mine")).status_code == 401
    return {"X-Tenant-ID": "mine", **(bearer(await served.secret(scopes=["query"])) if required else {})}


@pytest.fixture
async def path(served: Platform, owner: dict[str, str]) -> str:
    """Of a dashboard of three widgets."""
    body = {"name": "Board", "description": "Monthly", "widgets": _WIDGETS}
    made = await served.http.post("/api/v1/dashboards", json=body, headers=owner)
    assert made.status_code == 201, made.text
    return f"/api/v1/dashboards/{made.json()['id']}"


async def _share(served: Platform, path: str, owner: dict[str, str], **said: Any) -> dict[str, Any]:
    made = await served.http.post(f"{path}/links", json=said, headers=owner)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    return dict(made.json())


async def _opened(served: Platform, token: str, below: str = "") -> httpx.Response:
    return await served.http.get(f"/api/v1/shared{below}", headers=bearer(token))


async def test_a_link_shows_the_dashboard_and_its_values_and_not_what_they_ask(
    served: Platform, path: str, owner: dict[str, str]
) -> None:
    link = await _share(served, path, owner, label="The board")
    assert link["place"] == f"#/shared?link={link['token']}"
    told = (await _opened(served, link["token"])).json()
    assert (told["name"], told["description"], told["time_zone"], told["expires_at"]) == ("Board", "Monthly", "UTC", None)
    assert (told["range"], told["is_filtered"]) == (None, False)
    assert [(one["id"], one["type"], one["chart_type"], one["text"]) for one in told["widgets"]] == [
        ("asked", "metric", "auto", None), ("sql", "chart", "table", None), ("said", "text", "auto", "For the board"),
    ]  # fmt: skip
    values = (await _opened(served, link["token"], "/values")).json()
    assert [(one["widget_id"], one["value"], one["error"]) for one in values["values"]] == [
        ("asked", 0, None),
        ("sql", 0, None),
    ]
    assert [row["widget_id"] for row in (await _opened(served, link["token"], "/values?widget=sql")).json()["values"]] == [
        "sql"
    ]
    whole = json.dumps([told, values])
    assert [word for word in ("SELECT", "events_raw WHERE", "mine", "statements", "config", "opens") if word in whole] == []


async def test_a_guest_is_not_told_whom_a_widget_asks_about(served: Platform, path: str, owner: dict[str, str]) -> None:
    whose = {"customer_id": "mine", "visitor_id": "anon-77"}
    sent = [
        {**whose, "user_id": "ada@example.com", "event_type": "identify"},
        *({**whose, "event_type": name} for name in ("signup", "purchase")),
    ]
    ingest = bearer(await served.secret(scopes=["ingest"])) if "Authorization" in owner else {}
    answer = await served.http.post("/track/batch", json={"events": sent}, headers=ingest)
    assert answer.status_code == 200, answer.text
    signup, purchase = ({"field": "event_type", "value": name} for name in ("signup", "purchase"))
    funnel = {"kind": "funnel", "steps": [{"where": signup}, {"where": purchase}], "times": True}
    widgets = [
        {"id": "journey", "config": {"question": {"kind": "journey", "person": "anon-77"}}},
        {"id": "funnel", "config": {"question": {**funnel, "people": {"step": 2, "dropped": False}}}},
        {"id": "paths", "config": {"question": {"kind": "paths", "event": signup}}},
    ]
    assert (await served.http.put(path, json={"widgets": widgets}, headers=owner)).status_code == 200
    async with asyncio.timeout(60):
        while True:
            own = [one["answer"] for one in (await served.http.get(f"{path}/values", headers=owner)).json()["values"]]
            # Asked and kept one by one: each sees the events in its own time.
            journey, people = own[0], own[1]["extra"].get("people")
            joined = journey["extra"].get("person") == "ada@example.com" and len(journey["rows"]) == 3
            if joined and people == ["ada@example.com"]:
                break
            await asyncio.sleep(0.1)
    token = (await _share(served, path, owner))["token"]
    opened = await _opened(served, token, "/values")
    told = [one["answer"] for one in opened.json()["values"]]
    assert [set(one) - set(other) for one, other in zip(own, told, strict=True)] == [{"source", "statements"}] * 3
    assert [set(one["extra"]) for one in told] == [set(), {"times"}, {"direction"}]
    assert [(one["kind"], len(one["rows"])) for one in told] == [(one["kind"], len(one["rows"])) for one in own]
    assert [word for word in ("ada@example.com", "anon-77", "events_raw") if word in opened.text] == []


async def test_the_token_of_a_link_opens_nothing_else(served: Platform, path: str, owner: dict[str, str]) -> None:
    token = (await _share(served, path, owner))["token"]
    if "Authorization" not in owner:
        return  # an open server lets everyone do everything
    for method, url in (
        ("GET", path), ("PUT", path), ("DELETE", path), ("GET", f"{path}/values"), ("GET", f"{path}/links"),
        ("POST", "/api/v1/questions"), ("POST", "/query"), ("GET", "/api/v1/tenants"), ("GET", "/dashboard/realtime/mine"),
    ):  # fmt: skip
        refused = await served.http.request(method, url, headers=bearer(token), json={} if method != "GET" else None)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key"), (method, url)
    for method in ("POST", "PUT", "DELETE"):
        assert (await served.http.request(method, "/api/v1/shared", headers=bearer(token))).status_code == 405


async def test_a_link_that_is_none_leads_nowhere(served: Platform, path: str, owner: dict[str, str]) -> None:
    token = (await _share(served, path, owner))["token"]
    for wrong in (token[:-1], token.upper(), "mrl_", "ä", "' OR 1=1 --"):
        headers = [(b"authorization", f"Bearer {wrong}".encode())]
        for below in ("", "/values"):
            lost = await served.http.get(f"/api/v1/shared{below}", headers=headers)
            assert (lost.status_code, lost.json()["code"]) == (404, "unknown_link"), wrong
    bare = await served.http.get("/api/v1/shared")
    assert (bare.status_code, bare.json()["code"]) == (401, "unauthorized")


async def test_a_link_is_ended_by_its_id_and_nobody_is_told_its_token_again(
    served: Platform, path: str, owner: dict[str, str]
) -> None:
    first, second = await _share(served, path, owner, label="One"), await _share(served, path, owner, label="Two")
    listed = await served.http.get(f"{path}/links", headers=owner)
    assert [(one["id"], one["label"], one["shown"]) for one in listed.json()["links"]] == [
        (one["id"], one["label"], one["token"][:12]) for one in (first, second)
    ]
    assert first["token"] not in listed.text
    assert (await served.http.delete(f"{path}/links/{first['id']}", headers=owner)).json()["ended"] is True
    assert (await _opened(served, first["token"])).status_code == 404
    assert (await _opened(served, second["token"])).status_code == 200
    again = await served.http.delete(f"{path}/links/{first['id']}", headers=owner)
    assert (again.status_code, again.json()["code"]) == (404, "unknown_link")
    told = [one["action"] for one in await served.as_server("GET", "/changes")]
    assert told.count("dashboard_shared") == 2
    assert told.count("dashboard_link_ended") == 1
    assert first["token"] not in json.dumps(await served.as_server("GET", "/changes"))


async def test_a_link_is_over_at_its_time(served: Platform, path: str, owner: dict[str, str]) -> None:
    for wrong in ("soon", "2020-01-01T00:00:00Z", "253402300800000"):
        refused = await served.http.post(f"{path}/links", json={"expires_at": wrong}, headers=owner)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_expiry"), wrong
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    link = await _share(served, path, owner, expires_at=at.isoformat())
    told = (await _opened(served, link["token"])).json()
    assert told["expires_at"] == link["expires_at"]
    assert told["expires_at"][:16] == at.isoformat()[:16]


async def test_the_links_of_a_deleted_dashboard_lead_nowhere_until_it_is_back(
    served: Platform, path: str, owner: dict[str, str]
) -> None:
    token = (await _share(served, path, owner))["token"]
    await served.http.delete(path, headers=owner)
    assert (await _opened(served, token)).status_code == 404
    await served.http.post(f"{path}/restore", headers=owner)
    assert (await _opened(served, token, "/values")).status_code == 200


async def test_a_guest_is_told_the_code_of_an_error_and_no_more(served: Platform, path: str, owner: dict[str, str]) -> None:
    token = (await _share(served, path, owner))["token"]
    await served.http.put("/query/saved/mine/hidden", json={"sql": "SELECT 1 AS n"}, headers=owner)
    widgets = [*_WIDGETS, {"id": "lost", "config": {"saved": "hidden"}}]
    assert (await served.http.put(path, json={"widgets": widgets}, headers=owner)).status_code == 200
    await served.http.delete("/query/saved/mine/hidden", headers=owner)
    lost = (await _opened(served, token, "/values?widget=lost")).json()["values"][0]
    assert lost["error"] == {"code": "unknown_statement", "message": "This cannot be shown now."}
