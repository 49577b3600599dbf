"""``/api/v1/tenants``: who asks, for whom, and in which time zone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.access import Platform, bearer, platform


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        for tenant, zone in (("mine", "Europe/Vienna"), ("theirs", "Asia/Tokyo")):
            await opened.as_server("PUT", f"/tenants/{tenant}", json={"time_zone": zone})
        yield opened


async def test_a_credential_of_one_tenant_is_told_that_tenant_alone(served: Platform) -> None:
    headers = bearer(await served.secret(scopes=["query"]))
    told = (await served.http.get("/api/v1/tenants", headers=headers)).json()
    assert told["auth"] == "required"
    assert told["who"].startswith("key:")
    assert (told["email"], told["every_tenant"]) == (None, False)
    assert told["tenants"] == [{"customer_id": "mine", "time_zone": "Europe/Vienna", "rights": ["query", "view"]}]
    one = await served.http.get("/api/v1/tenants/mine", headers=headers)
    assert one.json() == {"success": True, **told["tenants"][0]}
    foreign = await served.http.get("/api/v1/tenants/theirs", headers=headers)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_tenant")
    assert (await served.http.get("/api/v1/tenants")).status_code == 401


async def test_who_may_look_at_every_tenant_is_told_those_that_are_settled_and_may_name_others(served: Platform) -> None:
    headers = bearer(await served.secret("*", scopes=["admin"]))
    told = (await served.http.get("/api/v1/tenants", headers=headers)).json()
    assert told["every_tenant"] is True
    assert [(one["customer_id"], one["time_zone"]) for one in told["tenants"]] == [
        ("mine", "Europe/Vienna"),
        ("theirs", "Asia/Tokyo"),
    ]
    other = (await served.http.get("/api/v1/tenants/new", headers=headers)).json()
    assert (other["time_zone"], other["rights"]) == ("UTC", ["admin", "ingest", "query", "view"])


async def test_an_open_server_says_that_it_is_open(tmp_path: Path) -> None:
    async with platform(tmp_path / "data", auth="open") as served:
        told = (await served.http.get("/api/v1/tenants")).json()
        assert (told["auth"], told["who"], told["every_tenant"], told["tenants"]) == ("open", "anyone", True, [])
        assert (await served.http.get("/api/v1/tenants/..")).status_code in (400, 404)
