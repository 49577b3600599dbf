"""Who is given the kept answer of an ``Idempotency-Key``: nobody another tenant's, and nobody what they may not have now."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from millrace_web.idempotency import SAID_HEADERS, WHOSE_HEADERS
from tests.support.access import EVERYONE, Platform, bearer, platform

_EMAIL, _PASSWORD = "ada@example.com", "correct horse battery"
_SQL: Final = {"customer_id": "ta", "sql": "SELECT now64(9) AS at FROM events_raw WHERE customer_id = 'ta'"}
_TYPES: Final = {"query": "SELECT event_type, count() AS n FROM events_raw GROUP BY 1"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        yield opened


async def _token(served: Platform) -> dict[str, str]:
    """The header of a login of Ada's, who asks for two tenants."""
    await served.as_server("POST", "/users", json={"tenant": "ta", "email": _EMAIL, "role": "analyst"})
    await served.as_server("PUT", f"/users/{_EMAIL}/roles/tb", json={"role": "analyst"})
    link = (await served.as_server("POST", f"/users/{_EMAIL}/password"))["link"]
    await served.http.post("/auth/v1/password", json={"token": link.partition("token=")[2], "password": _PASSWORD})
    return await _signed_in(served)


async def _signed_in(served: Platform) -> dict[str, str]:
    login = await served.http.post("/auth/v1/login", json={"email": _EMAIL, "password": _PASSWORD})
    return bearer(login.json()["access_token"])


async def _once(served: Platform, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await served.http.post(path, json=body, headers={"Idempotency-Key": "once", **headers})


@pytest.mark.parametrize("who", ["anyone", "operator", "person"])
async def test_each_tenant_has_an_answer_of_its_own_under_the_same_key(tmp_path: Path, who: str) -> None:
    async with platform(tmp_path / "data", auth="open" if who == "anyone" else "required") as served:
        headers: dict[str, str] = {}
        if who != "anyone":
            headers = bearer(await served.secret(EVERYONE)) if who == "operator" else await _token(served)
        tracking = headers if who != "person" else bearer(await served.secret(EVERYONE))
        event = {"customer_id": "ta", "visitor_id": "v", "event_type": "of_ta"}
        assert (await served.http.post("/track", json=event, headers=tracking)).status_code == 200
        made, told = [], []
        for tenant in ("ta", "tb", "ta", "tb"):
            given = {**headers, "X-Tenant-ID": tenant}
            told.append(await _once(served, "/api/v1/analytics/query", _TYPES, **given))
            made.append(await _once(served, "/api/v1/dashboards", {"name": "Board"}, **given))
        assert [one.status_code for one in (*told, *made)] == [200] * 4 + [201] * 4
        assert ["of_ta" in one.text for one in (told[1], told[3])] == [False, False]
        ids = [one.json()["id"] for one in made]
        assert ids == [ids[0], ids[1]] * 2
        for tenant, own in (("ta", ids[0]), ("tb", ids[1])):
            listed = await served.http.get("/api/v1/dashboards", headers={**headers, "X-Tenant-ID": tenant})
            assert [one["id"] for one in listed.json()["data"]] == [own]


async def test_whose_role_is_taken_away_is_given_no_kept_answer(served: Platform) -> None:
    ada = await _token(served)
    board = {"name": "Board"}
    assert (await _once(served, "/query", _SQL, **ada)).status_code == 200
    assert (await _once(served, "/api/v1/dashboards", board, **ada, **{"X-Tenant-ID": "ta"})).status_code == 201
    await served.as_server("PUT", f"/users/{_EMAIL}/roles/ta", json={"role": "viewer"})
    refused = [await _once(served, "/query", _SQL, **ada)]
    refused.append(await _once(served, "/api/v1/dashboards", board, **ada, **{"X-Tenant-ID": "ta"}))
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(403, "missing_scope")] * 2
    assert refused[1].headers["content-type"] == "application/problem+json"
    await served.as_server("DELETE", f"/users/{_EMAIL}/roles/ta")
    gone = await _once(served, "/query", _SQL, **ada)
    assert (gone.status_code, gone.json()["code"]) == (403, "foreign_tenant")


async def test_a_role_that_changes_does_not_do_a_request_twice(served: Platform) -> None:
    ada, given = await _token(served), {"X-Tenant-ID": "ta"}
    first = await _once(served, "/api/v1/dashboards", {"name": "Board"}, **ada, **given)
    await served.as_server("PUT", f"/users/{_EMAIL}/roles/ta", json={"role": "owner"})
    again = await _once(served, "/api/v1/dashboards", {"name": "Board"}, **ada, **given)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_who_signs_in_anew_in_between_has_the_same_answer(served: Platform) -> None:
    first = await _once(served, "/query", _SQL, **await _token(served))
    assert (await _once(served, "/query", _SQL, **await _signed_in(served))).content == first.content


async def test_a_revoked_key_is_given_no_kept_answer(served: Platform) -> None:
    key = await served.key("ta", scopes=["query"])
    assert (await _once(served, "/query", _SQL, **bearer(key["key"]))).status_code == 200
    await served.as_server("DELETE", f"/keys/{key['id']}")
    assert (await _once(served, "/query", _SQL, **bearer(key["key"]))).status_code == 401


@pytest.mark.parametrize("auth", ["open", "required"])
async def test_who_administers_no_more_is_given_no_kept_answer(auth: str, tmp_path: Path) -> None:
    async with platform(tmp_path / "data", auth=auth) as served:
        admin = await served.key(EVERYONE, scopes=["admin"])
        told = [await _once(served, "/admin/v1/audit", {}, **bearer(admin["key"])) for _ in range(2)]
        assert [one.status_code for one in told] == [200, 200]
        await served.as_server("DELETE", f"/keys/{admin['id']}")
        told = [await _once(served, "/admin/v1/audit", {}, **bearer(key)) for key in (admin["key"], "")]
        assert [one.status_code for one in told] == [401, 401]


async def test_a_demoted_administrator_is_given_no_kept_answer(served: Platform) -> None:
    ada = await _token(served)
    await served.as_server("PUT", f"/users/{_EMAIL}/roles/{EVERYONE}", json={"role": "owner"})
    assert (await _once(served, "/admin/v1/audit", {}, **ada)).status_code == 200
    await served.as_server("DELETE", f"/users/{_EMAIL}/roles/{EVERYONE}")
    assert (await _once(served, "/admin/v1/audit", {}, **ada)).status_code == 403


async def test_a_link_that_is_ended_gives_no_kept_answer(served: Platform) -> None:
    ada = {**await _token(served), "X-Tenant-ID": "ta"}
    path = f"/api/v1/dashboards/{(await _once(served, '/api/v1/dashboards', {'name': 'Board'}, **ada)).json()['id']}/links"
    link = (await served.http.post(path, json={}, headers=ada)).json()
    assert (await _once(served, "/api/v1/shared/values", {}, **bearer(link["token"]))).status_code == 200
    await served.http.delete(f"{path}/{link['id']}", headers=ada)
    assert (await _once(served, "/api/v1/shared/values", {}, **bearer(link["token"]))).status_code == 404


@pytest.mark.parametrize("auth", ["open", "required"])
async def test_nothing_is_given_of_before_somebody_was_erased(auth: str, tmp_path: Path) -> None:
    async with platform(tmp_path / "data", auth=auth) as served:
        keys = {tenant: bearer(await served.secret(tenant)) for tenant in ("ta", "tb")}
        for tenant, key in keys.items():
            event = {"customer_id": tenant, "user_id": "zoe", "event_type": "e", "properties": {"mail": "zoe@example.com"}}
            assert (await served.http.post("/track", json=event, headers=key)).status_code == 200
        rows = "SELECT properties FROM events_raw WHERE user_id = 'zoe'"

        async def asked(tenant: str) -> bool:
            body = {"customer_id": tenant, "sql": f"{rows} AND customer_id = '{tenant}'"}
            answer = await _once(served, "/query", body, **keys[tenant])
            assert answer.status_code == 200, answer.text
            return "zoe@example.com" in answer.text

        async with asyncio.timeout(60):
            for tenant, key in keys.items():
                look = {"customer_id": tenant, "sql": f"SELECT count() AS n FROM events_raw WHERE customer_id = '{tenant}'"}
                while (await served.http.post("/query", json=look, headers=key)).json()["data"] != [{"n": 1}]:
                    await asyncio.sleep(0.05)
        assert [await asked("ta"), await asked("tb")] == [True, True]
        await served.as_server("POST", "/privacy/erase", json={"tenant": "ta", "user_id": "zoe"})
        assert [await asked("ta"), await asked("tb")] == [False, True]


async def test_every_header_that_a_post_reads_is_compared(served: Platform) -> None:
    paths = (await served.http.get("/openapi.json")).json()["paths"]
    read = {
        one["name"].lower().encode()
        for path, methods in paths.items()
        if "post" in methods and not path.startswith("/track")  # which have answers of their own
        for one in methods["post"].get("parameters", [])
        if one["in"] == "header"
    }
    assert read
    assert read <= {*WHOSE_HEADERS, *SAID_HEADERS}
