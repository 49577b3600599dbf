"""Sessions of browsers: tokens in cookies that no script reads, and nothing that another site's page can make of them."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from tests.support.access import ODD_COOKIES, Platform, bearer, platform

_EMAIL, _PASSWORD = "ada@example.com", "correct horse battery"
_HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        await _member(opened, _EMAIL, "owner")
        yield opened


async def _member(served: Platform, email: str, role: str) -> None:
    made = await served.as_server("POST", "/users", json={"email": email, "tenant": "shop", "role": role})
    token = made["link"].removeprefix("/setup?token=")
    assert (await served.http.post("/setup", data={"token": token, "password": _PASSWORD})).status_code == 200


async def _sign_in(served: Platform, email: str = _EMAIL, **headers: str) -> httpx.Response:
    body = {"email": email, "password": _PASSWORD}
    return await served.http.post("/auth/v1/session", json=body, headers=headers or _HERE)


async def test_whoever_signs_in_is_known_by_cookies_that_no_script_reads(served: Platform) -> None:
    answer = await _sign_in(served)
    assert answer.status_code == 200
    assert set(answer.json()) == {"success", "expires_in"}
    assert answer.headers["cache-control"] == "no-store"
    cookies = {name: one for text in answer.headers.get_list("set-cookie") for name, one in SimpleCookie(text).items()}
    assert set(cookies) == {"millrace_access", "millrace_session"}
    assert {(one["httponly"], one["samesite"], one["secure"]) for one in cookies.values()} == {(True, "strict", "")}
    assert (cookies["millrace_access"]["path"], cookies["millrace_session"]["path"]) == ("/", "")
    me = await served.http.get("/auth/v1/me")
    assert me.json()["rights"] == {"shop": ["admin", "query", "view"]}
    made = await served.http.post("/admin/v1/keys", json={"tenant": "shop", "kind": "write"}, headers=_HERE)
    assert made.status_code == 200, made.text


async def test_over_tls_and_under_a_path_the_cookies_say_so(tmp_path: Path) -> None:
    async with platform(tmp_path / "data", public_url="https://example.com/stats") as served:
        made = await served.as_server("POST", "/users", json={"email": _EMAIL, "tenant": "shop", "role": "viewer"})
        token = made["link"].removeprefix("https://example.com/stats/setup?token=")
        assert (await served.http.post("/setup", data={"token": token, "password": _PASSWORD})).status_code == 200
        texts = (await _sign_in(served)).headers.get_list("set-cookie")
        assert all("Secure" in text for text in texts)
        assert [text for text in texts if text.startswith("millrace_access=") and "Path=/stats;" in text]


async def test_what_another_sites_page_sends_is_refused(served: Platform) -> None:
    await _sign_in(served)
    body = {"tenant": "shop", "kind": "write"}
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {},
    ):
        for method, path in (
            ("POST", "/admin/v1/keys"),
            ("POST", "/query"),
            ("DELETE", "/admin/v1/users/eve@example.com/roles/shop"),
            ("POST", "/auth/v1/session/refresh"),
            ("DELETE", "/auth/v1/session"),
        ):
            answer = await served.http.request(method, path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request"), (path, headers)
        assert (await _sign_in(served, **(headers or {"X-Nothing": "1"}))).status_code == 403
    assert await served.as_server("GET", "/keys") == []
    assert (await served.http.get("/auth/v1/me")).status_code == 200  # the session is what it was


async def test_an_old_browser_is_known_by_its_origin(served: Platform) -> None:
    assert (await _sign_in(served, Origin="http://127.0.0.1")).status_code == 200
    made = await served.http.post("/admin/v1/keys", json={"kind": "write"}, headers={"Origin": "http://127.0.0.1"})
    assert made.status_code == 200, made.text


async def test_a_key_in_a_header_counts_before_a_cookie_and_needs_no_origin(served: Platform) -> None:
    await _sign_in(served)
    key = await served.secret("mine", scopes=["query"])
    asked = {"sql": "SELECT 1 AS one FROM events_raw WHERE customer_id = 'mine'"}
    assert (await served.http.post("/query", json=asked, headers=bearer(key))).status_code == 200


async def test_a_session_goes_on_from_several_tabs_at_once(served: Platform) -> None:
    await _sign_in(served)
    for _ in range(3):
        served.http.cookies.delete("millrace_access")
        assert (await served.http.get("/auth/v1/me")).status_code == 401
        again = await served.http.post("/auth/v1/session/refresh", headers=_HERE)
        assert again.status_code == 200
        assert (await served.http.get("/auth/v1/me")).status_code == 200


async def test_signing_out_ends_the_session_everywhere(served: Platform) -> None:
    await _sign_in(served)
    cookies = dict(served.http.cookies)
    assert (await served.http.delete("/auth/v1/session", headers=_HERE)).status_code == 200
    assert dict(served.http.cookies) == {}
    served.http.cookies.update(cookies)
    assert (await served.http.get("/auth/v1/me")).status_code == 401
    refused = await served.http.post("/auth/v1/session/refresh", headers=_HERE)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    served.http.cookies.clear()
    nobody = await served.http.post("/auth/v1/session/refresh", headers=_HERE)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized")
    for left in ({}, cookies):
        served.http.cookies.update(left)
        none = await served.http.delete("/auth/v1/session", headers=_HERE)
        assert (none.status_code, none.json()["code"]) == (401, "unauthorized")  # nothing was ended


async def test_logging_out_takes_the_cookie_as_every_route_does(served: Platform) -> None:
    await _sign_in(served)
    refused = await served.http.post("/auth/v1/logout")
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request")
    assert (await served.http.get("/auth/v1/me")).status_code == 200
    assert (await served.http.post("/auth/v1/logout", headers=_HERE)).status_code == 200
    assert (await served.http.get("/auth/v1/me")).status_code == 401
    assert (await served.http.post("/auth/v1/session/refresh", headers=_HERE)).status_code == 401


async def test_the_access_token_alone_is_enough_to_sign_out(served: Platform) -> None:
    await _sign_in(served)
    cookies = dict(served.http.cookies)
    served.http.cookies.delete("millrace_session")
    assert (await served.http.delete("/auth/v1/session", headers=_HERE)).status_code == 200
    served.http.cookies.update(cookies)
    assert (await served.http.post("/auth/v1/session/refresh", headers=_HERE)).status_code == 401


@pytest.mark.parametrize("odd", ODD_COOKIES)
async def test_cookies_of_other_applications_are_in_nobodys_way(served: Platform, odd: str) -> None:
    await _sign_in(served)
    own = "; ".join(f"{name}={value}" for name, value in served.http.cookies.items())
    served.http.cookies.clear()
    headers = [(b"cookie", f"{odd}; {own}; {odd}".encode()), (b"sec-fetch-site", b"same-origin")]
    assert (await served.http.get("/auth/v1/me", headers=headers)).status_code == 200
    assert (await served.http.post("/auth/v1/session/refresh", headers=headers)).status_code == 200
    assert (await served.http.delete("/auth/v1/session", headers=headers)).status_code == 200
    assert (await served.http.get("/auth/v1/me", headers=headers)).status_code == 401


async def test_who_is_disabled_is_out(served: Platform) -> None:
    await _sign_in(served)
    await served.as_server("DELETE", f"/users/{_EMAIL}")
    assert (await served.http.get("/auth/v1/me")).status_code == 401
    assert (await served.http.post("/auth/v1/session/refresh", headers=_HERE)).status_code == 401


async def test_roles_are_respected(served: Platform) -> None:
    await _member(served, "vic@example.com", "viewer")
    await _sign_in(served, "vic@example.com")
    assert (await served.http.get("/dashboard/realtime/shop")).status_code == 200
    asked = {"customer_id": "shop", "sql": "SELECT 1"}
    refused = await served.http.post("/query", json=asked, headers=_HERE)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize("cookie", ["", "x", 'millrace_access="', "millrace_access=a.b.c", "=;=;=", "\xff"])
async def test_a_cookie_that_is_none_is_no_credential(served: Platform, cookie: str) -> None:
    answer = await served.http.get("/auth/v1/me", headers=[(b"cookie", cookie.encode("latin-1"))])
    assert answer.status_code == 401
