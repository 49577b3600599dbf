"""What owners settle by the admin API with the session of a browser: their tenant's settings, and the trail of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import Platform, bearer, platform

_PASSWORD = "correct horse battery"
_OURS = {"Sec-Fetch-Site": "same-origin"}
_DEFAULTS: dict[str, Any] = {
    "name": "shop",
    "tier": "default",
    "events_a_minute": None,
    "limit": None,
    "retention_days": None,
    "time_zone": "UTC",
    "denied": [],
    "hashed": [],
    "signals": None,
    "event_days": {},
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        yield opened


async def _signed_in(served: Platform, email: str, tenant: str = "shop", role: str = "owner") -> None:
    """From here on the client has the session of a new person."""
    made = await served.as_server("POST", "/users", json={"email": email, "tenant": tenant, "role": role})
    token = made["link"].rpartition("token=")[2]
    served.http.cookies.clear()
    assert (await served.http.post("/setup", data={"token": token, "password": _PASSWORD})).status_code == 200
    body = {"email": email, "password": _PASSWORD}
    assert (await served.http.post("/auth/v1/session", json=body, headers=_OURS)).status_code == 200


async def _change(served: Platform, **settled: Any) -> httpx.Response:
    return await served.http.patch("/admin/v1/tenants/shop", json=settled, headers=_OURS)


async def test_an_owner_settles_the_tenants_own_and_leaves_the_rest(served: Platform) -> None:
    await _signed_in(served, "ada@example.com")
    assert (await served.http.get("/admin/v1/tenants/shop")).status_code == 404
    assert (await served.http.get("/api/v1/tenants/shop")).json()["time_zone"] == "UTC"
    first = await _change(served, time_zone="Europe/Vienna", denied=["properties.email"])
    assert first.json() == {**_DEFAULTS, "time_zone": "Europe/Vienna", "denied": ["properties.email"]}
    await served.as_server("PATCH", "/tenants/shop", json={"retention_days": 30, "event_days": {"page_view": 7}})
    second = (await _change(served, hashed=["user_id"], signals="drop")).json()
    assert (second["time_zone"], second["denied"], second["hashed"]) == ("Europe/Vienna", ["properties.email"], ["user_id"])
    assert (second["signals"], second["retention_days"], second["event_days"]) == ("drop", 30, {"page_view": 7})
    third = (await _change(served, denied=[], signals=None)).json()
    assert (third["denied"], third["hashed"], third["signals"]) == ([], ["user_id"], None)
    async with asyncio.timeout(10):  # at once, and not when a minute is over
        while (await served.http.get("/api/v1/tenants/shop")).json()["time_zone"] != "Europe/Vienna":
            await asyncio.sleep(0.01)


async def test_what_a_tenant_may_send_and_how_long_it_is_kept_is_not_the_tenants_to_settle(served: Platform) -> None:
    await _signed_in(served, "ada@example.com")
    for field, value in (("tier", "enterprise"), ("events_a_minute", 5), ("retention_days", 1), ("event_days", {"a": 1})):
        answer = await _change(served, **{field: value, "time_zone": "Asia/Tokyo"})
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), field
    replaced = await served.http.put("/admin/v1/tenants/shop", json={}, headers=_OURS)
    assert replaced.json()["code"] == "missing_scope"
    assert (await served.http.get("/admin/v1/tenants/shop")).status_code == 404
    await _signed_in(served, "root@example.com", "*")
    assert (await _change(served, events_a_minute=5, retention_days=90)).json()["limit"] == 5


@pytest.mark.parametrize("role", ["analyst", "viewer"])
async def test_who_is_no_owner_settles_nothing(served: Platform, role: str) -> None:
    await _signed_in(served, "bob@example.com", role=role)
    assert (await _change(served, time_zone="Asia/Tokyo")).json()["code"] == "missing_scope"
    assert (await served.http.get("/admin/v1/changes", params={"tenant": "shop"})).json()["code"] == "missing_scope"


async def test_nonsense_and_other_origins_change_nothing(served: Platform) -> None:
    await _signed_in(served, "ada@example.com")
    for settled in ({"time_zone": "Mars/Base"}, {"denied": ["colour"]}, {"hashed": ["page_url"]}, {"signals": "maybe"}):
        answer = await _change(served, **settled)
        assert answer.status_code == 400, (settled, answer.text)
    foreign = await served.http.patch(
        "/admin/v1/tenants/shop", json={"time_zone": "Asia/Tokyo"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (403, "cross_site_request")
    assert (await served.http.get("/admin/v1/tenants/shop")).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_setting_that_there_is_not_is_named_and_changes_nothing(served: Platform, method: str) -> None:
    await _signed_in(served, "root@example.com", "*")
    settled = {"time_zone": "Asia/Tokyo", "deny": ["properties.email"]}
    answer = await served.http.request(method, "/admin/v1/tenants/shop", json=settled, headers=_OURS)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "deny" in answer.text
    assert (await served.http.get("/admin/v1/tenants/shop")).status_code == 404


async def test_the_trail_is_read_from_its_end_and_searched(served: Platform) -> None:
    await served.as_server("POST", "/keys", json={"tenant": "shop", "kind": "write", "name": "web"})
    await served.as_server("POST", "/keys", json={"tenant": "theirs", "kind": "write"})
    await _signed_in(served, "ada@example.com")
    await _change(served, time_zone="Europe/Vienna")

    async def asked(**filters: Any) -> list[dict[str, Any]]:
        return list((await served.http.get("/admin/v1/changes", params={"tenant": "shop", **filters})).json())

    newest = await asked(order="newest")
    assert newest[0]["action"] == "tenant_changed"
    assert newest == list(reversed(await asked()))
    assert await asked(order="newest", after=newest[0]["id"], limit=1) == newest[1:2]
    assert [one["detail"]["name"] for one in await asked(action="key_created")] == ["web"]
    [user] = (await served.http.get("/admin/v1/users", params={"tenant": "shop"})).json()
    assert [one["action"] for one in await asked(text=user["id"].upper(), action="tenant_changed")] == ["tenant_changed"]
    assert newest[0]["actor"] == f"user:{user['id']}"
    wrong = await served.http.get("/admin/v1/changes", params={"order": "any"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")
    foreign = await served.http.get("/admin/v1/changes", headers=bearer(await served.secret("theirs")))
    assert {one["tenant"] for one in foreign.json()} == {"theirs"}
