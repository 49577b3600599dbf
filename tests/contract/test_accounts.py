"""Logging in: the first owner's form, sessions, passwords, roles, and tokens for streams."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import SERVER_TOKEN, Platform, bearer, platform

_EMAIL, _PASSWORD = "ada@example.com", "correct horse battery"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        yield opened


def _setup_token(served: Platform) -> str:
    assert served.process.notice is not None
    found = re.search(
        r"http://127.0.0.1:1/setup\?purpose=first_owner&token=(mrt_\w+)", served.process.notice("http://127.0.0.1:1")
    )
    assert found is not None
    return found[1]


async def _set(served: Platform, **fields: str) -> httpx.Response:
    return await served.http.post("/setup", data=fields)


async def _log_in(served: Platform, email: str = _EMAIL, password: str = _PASSWORD) -> dict[str, Any]:
    answer = await served.http.post("/auth/v1/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def _owner(served: Platform) -> dict[str, str]:
    """Make the first owner and log in: the header."""
    fields = {"token": _setup_token(served), "for": "first_owner", "email": _EMAIL, "password": _PASSWORD}
    assert (await _set(served, **fields)).status_code == 200
    return bearer((await _log_in(served))["access_token"])


async def _member(served: Platform, email: str, role: str, tenant: str = "shop") -> dict[str, str]:
    """Let someone in, who sets a password and logs in: the header."""
    made = await served.as_server("POST", "/users", json={"email": email, "tenant": tenant, "role": role})
    token = made["link"].removeprefix("/setup?token=")
    assert (await _set(served, token=token, password=_PASSWORD)).status_code == 200
    return bearer((await _log_in(served, email))["access_token"])


async def test_the_first_owner_is_made_by_the_form_behind_the_printed_link_once(served: Platform) -> None:
    token = _setup_token(served)
    form = await served.http.get("/setup", params={"purpose": "first_owner", "token": token})
    assert token in form.text
    assert "<script" not in form.text
    assert "<style" not in form.text
    assert "unsafe" not in form.headers["content-security-policy"]
    assert "default-src 'none'" in form.headers["content-security-policy"]
    assert form.headers["referrer-policy"] == "no-referrer"
    headers = await _owner(served)
    me = (await served.http.get("/auth/v1/me", headers=headers)).json()
    assert me["rights"] == {"*": ["admin", "query", "view"]}
    assert (await served.http.get("/admin/v1/status", headers=headers)).status_code == 200
    again = await _set(served, token=token, email="eve@example.com", password=_PASSWORD, **{"for": "first_owner"})
    assert again.status_code == 401
    assert len(await served.as_server("GET", "/users")) == 1


async def test_a_wrong_link_or_password_makes_no_owner_and_what_was_sent_is_escaped(served: Platform) -> None:
    token = _setup_token(served)
    for fields, status in (
        ({"token": token, "email": _EMAIL, "password": "short"}, 400),
        ({"token": token, "email": "nobody", "password": _PASSWORD}, 400),
        ({"token": '"><script>x</script>', "email": '"><script>x</script>@x', "password": _PASSWORD}, 401),
        ({}, 400),
    ):
        answer = await _set(served, **fields, **{"for": "first_owner"})
        assert answer.status_code == status, answer.text
        assert "<script" not in answer.text
    assert (await served.http.post("/setup", content=b"a=1&" * 50)).status_code == 400
    assert (await served.http.post("/setup", content=b"\xff\xfe%zz")).status_code == 400
    assert await served.as_server("GET", "/users") == []


async def test_once_there_is_an_owner_no_link_is_printed(tmp_path: Path) -> None:
    async with platform(tmp_path / "data") as served:
        await _owner(served)
    async with platform(tmp_path / "data") as served:
        assert served.process.notice is None
        await _log_in(served)


async def test_a_wrong_password_and_an_unknown_user_are_told_alike(served: Platform) -> None:
    await _owner(served)
    answers = [
        await served.http.post("/auth/v1/login", json={"email": email, "password": "wrong password"})
        for email in (_EMAIL, "nobody@example.com")
    ]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "wrong_password"


async def test_passwords_cannot_be_tried_for_long(served: Platform) -> None:
    given = {"email": _EMAIL, "password": "wrong password"}
    answers = await asyncio.gather(*(served.http.post("/auth/v1/login", json=given) for _ in range(25)))
    limited = [answer for answer in answers if answer.status_code == 429]
    assert 5 <= len(limited) <= 15
    assert {answer.json()["code"] for answer in limited} == {"too_many_logins"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)


async def test_a_session_goes_on_by_refreshing_and_ends_where_a_token_is_used_twice(served: Platform) -> None:
    await _owner(served)
    first = await _log_in(served)
    second = (await served.http.post("/auth/v1/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert (await served.http.get("/auth/v1/me", headers=bearer(second["access_token"]))).status_code == 200
    stolen = await served.http.post("/auth/v1/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_token")
    for refused in (
        await served.http.get("/auth/v1/me", headers=bearer(second["access_token"])),
        await served.http.post("/auth/v1/refresh", json={"refresh_token": second["refresh_token"]}),
    ):
        assert refused.status_code == 401


async def test_logging_out_ends_the_session_and_no_other(served: Platform) -> None:
    await _owner(served)
    one, other = await _log_in(served), await _log_in(served)
    assert (await served.http.post("/auth/v1/logout", headers=bearer(one["access_token"]))).status_code == 200
    assert (await served.http.get("/auth/v1/me", headers=bearer(one["access_token"]))).status_code == 401
    assert (await served.http.get("/auth/v1/me", headers=bearer(other["access_token"]))).status_code == 200
    key = await served.secret()
    assert (await served.http.post("/auth/v1/logout", headers=bearer(key))).status_code == 401


async def test_roles_say_what_a_person_may_do(served: Platform) -> None:
    asked = {"sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'shop'"}
    outcomes = {}
    for role in ("viewer", "analyst", "owner"):
        headers = await _member(served, f"{role}@example.com", role)
        answers = (
            await served.http.get("/dashboard/realtime/shop", headers=headers),
            await served.http.post("/query", json=asked, headers=headers),
            await served.http.get("/admin/v1/keys", headers=headers),
            await served.http.get("/admin/v1/status", headers=headers),
            await served.http.get("/dashboard/realtime/blog", headers=headers),
            await served.http.post("/track", json={"visitor_id": "v", "event_type": "x"}, headers=headers),
        )
        outcomes[role] = [answer.status_code for answer in answers]
    assert outcomes == {
        "viewer": [200, 403, 403, 403, 403, 401],
        "analyst": [200, 200, 403, 403, 403, 401],
        "owner": [200, 200, 200, 403, 403, 401],
    }


async def test_an_owner_lets_others_in_and_takes_roles_back(served: Platform) -> None:
    owner = await _member(served, "owner@example.com", "owner")
    viewer = await _member(served, "viewer@example.com", "viewer")
    path = "/admin/v1/users/VIEWER@example.com/roles/shop"
    assert (await served.http.put(path, json={"role": "analyst"}, headers=owner)).json()["roles"] == {"shop": "analyst"}
    assert (await served.http.get("/auth/v1/me", headers=viewer)).json()["rights"] == {"shop": ["query", "view"]}
    assert (await served.http.put(path, json={"role": "king"}, headers=owner)).status_code == 400
    assert (await served.http.delete(path, headers=owner)).status_code == 200
    assert (await served.http.get("/dashboard/realtime/shop", headers=viewer)).status_code == 403
    assert (await served.http.delete(path, headers=owner)).status_code == 404


async def test_nobody_sets_the_password_of_someone_who_may_see_more(served: Platform) -> None:
    owner = await _member(served, "owner@example.com", "owner")
    await _member(served, "operator@example.com", "viewer")
    await served.as_server("PUT", "/users/operator@example.com/roles/*", json={"role": "owner"})
    answer = await served.http.post("/admin/v1/users/operator@example.com/password", headers=owner)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_tenant")
    own = await served.http.post("/admin/v1/users/owner@example.com/password", headers=owner)
    assert own.status_code == 200
    assert own.headers["cache-control"] == "no-store"


async def test_a_new_password_ends_every_session_of_before(served: Platform) -> None:
    headers = await _member(served, "owner@example.com", "owner")
    link = (await served.as_server("POST", "/users/owner@example.com/password"))["link"]
    token = link.removeprefix("/setup?token=")
    answer = await served.http.post("/auth/v1/password", json={"token": token, "password": "another long password"})
    assert answer.status_code == 200
    assert (await served.http.get("/auth/v1/me", headers=headers)).status_code == 401
    await _log_in(served, "owner@example.com", "another long password")
    for given in (token, "mrt_never"):
        again = await served.http.post("/auth/v1/password", json={"token": given, "password": _PASSWORD})
        assert (again.status_code, again.json()["code"]) == (401, "invalid_token")


async def test_a_disabled_user_is_out_at_once_and_stays_out(served: Platform) -> None:
    headers = await _member(served, "owner@example.com", "owner")
    link = (await served.as_server("POST", "/users/owner@example.com/password"))["link"]
    await served.as_server("DELETE", "/users/owner@example.com")
    assert (await served.http.get("/auth/v1/me", headers=headers)).status_code == 401
    for path, body in (
        ("/auth/v1/login", {"email": "owner@example.com", "password": _PASSWORD}),
        ("/auth/v1/password", {"token": link.removeprefix("/setup?token="), "password": _PASSWORD}),
    ):
        assert (await served.http.post(path, json=body)).status_code == 401, path


async def test_a_user_is_made_once_with_an_email(served: Platform) -> None:
    await served.as_server("POST", "/users", json={"email": "Ada@Example.com", "tenant": "shop"})
    for email, status in (("ada@example.com", 409), ("nobody", 400), ("a b@c", 400)):
        given = {"email": email, "tenant": "shop"}
        answer = await served.http.post("/admin/v1/users", json=given, headers=bearer(SERVER_TOKEN))
        assert answer.status_code == status, email


async def test_a_streams_token_opens_its_streams_and_nothing_else(served: Platform) -> None:
    headers = bearer(await served.secret("shop", scopes=["query"]))
    answer = await served.http.post("/auth/v1/stream-token", json={}, headers=headers)
    token = answer.json()["token"]
    assert answer.json()["expires_in"] == 60
    for path, status in (
        (f"/events/stream/blog?token={token}", 403),
        (f"/dashboard/realtime/shop?token={token}", 401),
        ("/events/stream/shop?token=e30.e30.e30", 401),
        ("/events/stream/shop?token=", 401),
    ):
        assert (await served.http.get(path)).status_code == status, path
    assert (await served.http.get("/dashboard/realtime/shop", headers=bearer(token))).status_code == 401


@pytest.mark.parametrize("has_events", [True, False])
async def test_a_stream_ends_with_the_right_to_it(has_events: bool, tmp_path: Path) -> None:
    async with platform(tmp_path / "data", stream_heartbeat_seconds=0.2 if not has_events else 3600.0) as served:
        key = await served.key("shop", scopes=["query"])
        writing = bearer(await served.secret("shop", scopes=["ingest"]))
        reading = asyncio.create_task(served.http.get("/events/stream/shop", headers=bearer(key["key"])))
        async with asyncio.timeout(60):
            while "millrace_sse_connections 1.0" not in (await served.http.get("/metrics")).text:
                await asyncio.sleep(0.02)
            await served.as_server("DELETE", f"/keys/{key['id']}")
            while has_events and not reading.done():
                await served.http.post("/track", json={"visitor_id": "v", "event_type": "click"}, headers=writing)
                await asyncio.sleep(0.1)
            answer = await reading  # which has its answer when the stream has ended
    assert answer.status_code == 200
    assert "event_type" not in answer.text


@pytest.mark.parametrize("way", ["logout", "new password"])
async def test_streams_end_with_the_session_that_opened_them(way: str, tmp_path: Path) -> None:
    async with platform(tmp_path / "data", stream_heartbeat_seconds=0.2) as served:
        headers = await _member(served, "owner@example.com", "owner")
        token = (await served.http.post("/auth/v1/stream-token", json={}, headers=headers)).json()["token"]
        paths = ("/events/stream/shop", "/ingest/live/shop")
        opened = [asyncio.create_task(served.http.get(path, headers=headers)) for path in paths]
        opened += [asyncio.create_task(served.http.get(path, params={"token": token})) for path in paths]
        async with asyncio.timeout(60):
            while "millrace_sse_connections 4.0" not in (await served.http.get("/metrics")).text:
                await asyncio.sleep(0.02)
            if way == "logout":
                assert (await served.http.post("/auth/v1/logout", headers=headers)).status_code == 200
            else:
                link = (await served.as_server("POST", "/users/owner@example.com/password"))["link"]
                given = {"token": link.removeprefix("/setup?token="), "password": "another long password"}
                assert (await served.http.post("/auth/v1/password", json=given)).status_code == 200
            answers = await asyncio.gather(*opened)  # which there are when the streams have ended
            late = [await served.http.get(path, params={"token": token}) for path in paths]
    assert [one.status_code for one in answers] == [200] * 4
    assert [(one.status_code, one.json()["code"]) for one in late] == [(401, "invalid_token")] * 2


async def test_without_a_mail_server_no_mail_is_promised(served: Platform) -> None:
    answer = await served.http.post("/auth/v1/password-forgotten", json={"email": _EMAIL})
    assert (answer.status_code, answer.json()["code"]) == (404, "mail_not_configured")


async def test_logins_at_once_do_not_hold_the_loop_up(served: Platform) -> None:
    await _owner(served)
    answers = await asyncio.gather(*(_log_in(served) for _ in range(6)))
    assert len({answer["access_token"] for answer in answers}) == 6
