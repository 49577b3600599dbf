"""Where credentials are required: each route of the real route tables, without one and with one of another tenant."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from millrace_ingestion.protocols.routes import NATIVE
from millrace_web.access import LOGIN_PATHS, PUBLIC_PATHS
from tests.support.access import Platform, bearer, platform

_EVERYONES: Final = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/live"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/docs/oauth2-redirect"),
    ("GET", "/openapi.json"),
    ("GET", "/tracker.js"),
    ("GET", "/tracker.mjs"),
}
"""What is answered without a credential. A route is added here on purpose or not at all."""
_OWN_CREDENTIAL: Final = {
    ("GET", "/setup"),
    ("POST", "/setup"),
    ("POST", "/auth/v1/login"),
    ("POST", "/auth/v1/refresh"),
    ("POST", "/auth/v1/session"),
    ("POST", "/auth/v1/session/refresh"),
    ("DELETE", "/auth/v1/session"),
    ("POST", "/auth/v1/password"),
    ("POST", "/auth/v1/password-forgotten"),
    ("GET", "/api/v1/shared"),
    ("GET", "/api/v1/shared/values"),
    ("POST", "/api/v1/shared/values"),
}
"""What brings a credential of its own, in its body or in a session's cookie, or is opened by a link."""
_SQL: Final = "SELECT 1 FROM events_raw WHERE customer_id = 'theirs'"
_COUNT: Final = {"kind": "trend", "measures": [{"measure": "count"}]}
_DAY: Final = {"date_range": {"start": "2026-01-01", "end": "2026-01-01"}}
_DOCUMENT: Final = {"format": "millrace.dashboard", "version": 1, "name": "n", "widgets": []}
_THEIRS: Final = {"headers": {"X-Tenant-ID": "theirs"}}
_FOREIGN: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("POST", "/query"): {"json": {"customer_id": "theirs", "sql": _SQL}},
    ("POST", "/query/"): {"json": {"customer_id": "theirs", "sql": _SQL}},
    ("POST", "/ai/query"): {"json": {"customer_id": "theirs", "query": "events"}},
    ("POST", "/ai/query/stream"): {"json": {"customer_id": "theirs", "query": "events"}},
    ("POST", "/ai/feedback"): {"json": {"customer_id": "theirs", "answer_id": "0" * 16, "helpful": True}},
    ("GET", "/schema/{customer_id}"): {},
    ("POST", "/query/check"): {"json": {"customer_id": "theirs", "sql": _SQL}},
    ("GET", "/dashboard/realtime/{customer_id}"): {},
    ("GET", "/events/stream/{customer_id}"): {},
    ("GET", "/query/saved/{customer_id}"): {},
    ("GET", "/query/saved/{customer_id}/{name}"): {},
    ("PUT", "/query/saved/{customer_id}/{name}"): {"json": {"sql": "SELECT 1"}},
    ("DELETE", "/query/saved/{customer_id}/{name}"): {},
    ("GET", "/query/saved/{customer_id}/{name}/rows"): {},
    ("POST", "/query/saved/{customer_id}/{name}/rows"): {"json": {}},
    ("GET", "/query/history/{customer_id}"): {},
    ("GET", "/api/v1/descriptions/{customer_id}"): {},
    ("PUT", "/api/v1/descriptions/{customer_id}"): {"json": {"kind": "event", "name": "x"}},
    ("DELETE", "/api/v1/descriptions/{customer_id}"): {"params": {"kind": "event", "name": "x"}},
    ("GET", "/api/v1/segments/{customer_id}"): {},
    ("GET", "/api/v1/segments/{customer_id}/{name}"): {},
    ("PUT", "/api/v1/segments/{customer_id}/{name}"): {"json": {"where": {"field": "country", "value": "AT"}}},
    ("DELETE", "/api/v1/segments/{customer_id}/{name}"): {},
    ("GET", "/events/{event_id}"): {"params": {"customer_id": "theirs"}},
    ("GET", "/ingest/report/{customer_id}"): {},
    ("GET", "/ingest/live/{customer_id}"): {},
    ("POST", "/api/v1/questions"): {"json": {"customer_id": "theirs", "question": _COUNT}},
    ("POST", "/api/v1/questions/batch"): {"json": {"customer_id": "theirs", "questions": [_COUNT]}},
    ("POST", "/api/v1/questions/stream"): {"json": {"customer_id": "theirs", "question": _COUNT}},
    ("GET", "/api/v1/tenants/{customer_id}"): {},
    ("POST", "/api/v1/analytics/query"): {"json": {"metric": "events"}, **_THEIRS},
    ("GET", "/api/v1/analytics/metrics"): _THEIRS,
    ("POST", "/api/v1/analytics/funnels"): {"json": {"name": "f", "steps": [{"name": "a", "event": "a"}]}, **_THEIRS},
    ("POST", "/api/v1/analytics/cohorts"): {"json": _DAY, **_THEIRS},
    ("GET", "/api/v1/analytics/realtime"): _THEIRS,
    ("GET", "/api/v1/analytics/users/{user_id}/analytics"): _THEIRS,
    ("GET", "/api/v1/dashboards"): _THEIRS,
    ("POST", "/api/v1/dashboards"): {"json": {"name": "n"}, **_THEIRS},
    ("POST", "/api/v1/dashboards/import"): {"json": _DOCUMENT, **_THEIRS},
    ("GET", "/api/v1/dashboards/{dashboard_id}"): _THEIRS,
    ("PUT", "/api/v1/dashboards/{dashboard_id}"): {"json": {}, **_THEIRS},
    ("DELETE", "/api/v1/dashboards/{dashboard_id}"): _THEIRS,
    ("POST", "/api/v1/dashboards/{dashboard_id}/restore"): _THEIRS,
    ("GET", "/api/v1/dashboards/{dashboard_id}/values"): _THEIRS,
    ("POST", "/api/v1/dashboards/{dashboard_id}/values"): {"json": {}, **_THEIRS},
    ("GET", "/api/v1/dashboards/{dashboard_id}/export"): _THEIRS,
    ("GET", "/api/v1/dashboards/{dashboard_id}/links"): _THEIRS,
    ("POST", "/api/v1/dashboards/{dashboard_id}/links"): {"json": {}, **_THEIRS},
    ("DELETE", "/api/v1/dashboards/{dashboard_id}/links/{link_id}"): _THEIRS,
    ("POST", "/api/v1/analytics/dashboards"): {"json": {"name": "n"}, **_THEIRS},
    ("GET", "/api/v1/analytics/dashboards/{dashboard_id}"): _THEIRS,
    ("POST", "/auth/v1/stream-token"): {"json": {"customer_id": "theirs"}},
    ("GET", "/admin/v1/dead-letters"): {"params": {"tenant": "theirs"}},
    ("GET", "/admin/v1/decisions"): {"params": {"tenant": "theirs"}},
    ("GET", "/admin/v1/tenants/{name}"): {},
    ("PUT", "/admin/v1/tenants/{name}"): {"json": {}},
    ("PATCH", "/admin/v1/tenants/{name}"): {"json": {}},
    ("DELETE", "/admin/v1/tenants/{name}"): {},
    ("GET", "/admin/v1/keys"): {"params": {"tenant": "theirs"}},
    ("POST", "/admin/v1/keys"): {"json": {"tenant": "theirs", "kind": "write"}},
    ("POST", "/admin/v1/keys/{key_id}/rotate"): {"json": {}},
    ("DELETE", "/admin/v1/keys/{key_id}"): {},
    ("GET", "/admin/v1/users"): {"params": {"tenant": "theirs"}},
    ("POST", "/admin/v1/users"): {"json": {"tenant": "theirs", "email": "new@example.com"}},
    ("POST", "/admin/v1/users/{email}/password"): {},
    ("PUT", "/admin/v1/users/{email}/roles/{tenant}"): {"json": {"role": "owner"}},
    ("DELETE", "/admin/v1/users/{email}/roles/{tenant}"): {},
    ("GET", "/admin/v1/changes"): {"params": {"tenant": "theirs"}},
    ("POST", "/admin/v1/privacy/export"): {"json": {"tenant": "theirs", "user_id": "u"}},
    ("POST", "/admin/v1/privacy/erase"): {"json": {"tenant": "theirs", "user_id": "u"}},
    ("GET", "/admin/v1/privacy/erasures"): {"params": {"tenant": "theirs"}},
}
"""How a request names another tenant, by route."""
_OPERATORS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("GET", "/admin/v1/status"): {},
    ("POST", "/admin/v1/rebuild"): {"json": {"first": 0, "last": 0}},
    ("POST", "/admin/v1/audit"): {},
    ("POST", "/admin/v1/backup"): {"json": {"folder": "copy"}},
    ("DELETE", "/admin/v1/users/{email}"): {},
}
"""What is of no tenant, and so of nobody who administers one."""
_BY_LETTER: Final = {
    ("GET", "/admin/v1/dead-letters/{letter_id}"),
    ("PUT", "/admin/v1/dead-letters/{letter_id}"),
    ("POST", "/admin/v1/dead-letters/replay"),
    ("POST", "/admin/v1/dead-letters/drop"),
}
"""Tried with a dead letter of another tenant in ``test_dead_letters_api``."""
_OWN_ONLY: Final = {
    ("GET", "/admin/v1/tenants"),
    ("GET", "/auth/v1/me"),
    ("POST", "/auth/v1/logout"),
    ("GET", "/api/v1/catalogue"),
    ("GET", "/api/v1/tenants"),
    ("GET", "/assets/{name}"),
}
"""What takes no tenant, and is about the caller alone."""
EVENT: Final = {"visitor_id": "v1", "event_type": "click"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        yield opened


async def _paths(served: Platform) -> dict[str, str]:
    """What stands for the parameters of paths: things of another tenant."""
    theirs = await served.key("theirs")
    await served.as_server("POST", "/users", json={"tenant": "theirs", "email": "eve@example.com"})
    names = {
        "customer_id": "theirs",
        "name": "theirs",
        "tenant": "theirs",
        "letter_id": "1",
        "event_id": "mine",
        "user_id": "u1",
        "dashboard_id": "d1",
        "link_id": "l1",
    }
    return {**names, "key_id": theirs["id"], "email": "eve@example.com"}


async def test_no_route_answers_without_a_credential_but_those_for_everyone(served: Platform) -> None:
    names = await _paths(served)
    answers = {
        (method, path): await served.http.request(method, path.format(**names))
        for method, path in served.routes
        if (method, path) not in _OWN_CREDENTIAL
    }
    assert {route for route, answer in answers.items() if answer.status_code != 401} == _EVERYONES
    # 404 is what a tracker says that is not built here.
    told = {route: answer for route, answer in answers.items() if route in _EVERYONES}
    assert [route for route, answer in told.items() if not (answer.is_success or "tracker" in route[1])] == []
    assert {answer.json()["code"] for route, answer in answers.items() if route not in _EVERYONES} == {"unauthorized"}
    assert {path for _, path in _EVERYONES} == PUBLIC_PATHS
    assert {path for _, path in _OWN_CREDENTIAL} == LOGIN_PATHS & {path for _, path in served.routes}


async def test_what_is_no_route_is_not_told_without_a_credential(served: Platform) -> None:
    for path in ("/nothing", "/admin/v1/nothing", "/query/x", "/QUERY", "/health/", "/docs/"):
        assert (await served.http.get(path)).status_code in (401, 307), path


async def test_no_route_answers_a_wrong_credential(served: Platform) -> None:
    names = await _paths(served)
    right = await served.secret()
    for wrong in (right[:-1], right.upper(), right + "x", "mrs_", "e30.e30.e30", "ä", "*"):
        for method, path in served.routes:
            if (method, path) not in _EVERYONES | _OWN_CREDENTIAL:
                headers = [(b"authorization", f"Bearer {wrong}".encode())]
                answer = await served.http.request(method, path.format(**names), headers=headers)
                assert answer.status_code == 401, (method, path, wrong)
                assert answer.json()["code"] in ("invalid_key", "invalid_token")
                assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_every_route_is_tried_with_another_tenants_credential(served: Platform) -> None:
    tried = {*_FOREIGN, *_OPERATORS, *_BY_LETTER, *_OWN_ONLY, *_EVERYONES, *_OWN_CREDENTIAL}
    assert set(served.routes) == tried


async def test_every_route_refuses_another_tenants_credential(served: Platform) -> None:
    names, mine = await _paths(served), bearer(await served.secret())
    before = await served.as_server("GET", "/changes")
    for (method, path), given in _FOREIGN.items():
        sent = {**given, "headers": {**mine, **given.get("headers", {})}}
        answer = await served.http.request(method, path.format(**names), **sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_tenant"), (method, path, answer.text)
    for (method, path), given in _OPERATORS.items():
        answer = await served.http.request(method, path.format(**names), headers=mine, **given)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), (method, path, answer.text)
    assert await served.as_server("GET", "/changes") == before


async def test_lists_hold_the_callers_own_alone(served: Platform) -> None:
    await _paths(served)
    for tenant in ("mine", "theirs"):
        await served.as_server("PUT", f"/tenants/{tenant}", json={"tier": "enterprise"})
    mine = bearer(await served.secret())
    for path, field in (("tenants", "name"), ("keys", "tenant"), ("changes", "tenant")):
        listed = (await served.http.get(f"/admin/v1/{path}", headers=mine)).json()
        assert {one[field] for one in listed} == {"mine"}, path
    assert (await served.http.get("/admin/v1/users", headers=mine)).json() == []
    assert {one["name"] for one in await served.as_server("GET", "/tenants")} == {"mine", "theirs"}


@pytest.mark.parametrize("scope", ["ingest", "query"])
async def test_a_key_that_may_not_administer_is_refused_by_every_admin_route(served: Platform, scope: str) -> None:
    names, own = await _paths(served), bearer(await served.secret(scopes=[scope]))
    names |= {"name": "mine", "tenant": "mine", "key_id": (await served.key())["id"]}
    for (method, path), given in {**_FOREIGN, **_OPERATORS}.items():
        if path.startswith("/admin/"):
            body = given.get("json")
            body = {**body, "tenant": "mine"} if body is not None and "tenant" in body else body
            answer = await served.http.request(method, path.format(**names), headers=own, json=body)
            assert answer.status_code == 403, (method, path, answer.text)


async def test_scopes_say_what_a_key_may_do(served: Platform) -> None:
    asked = {"sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'mine'"}
    outcomes = {}
    for scope in ("ingest", "query", "admin"):
        headers = bearer(await served.secret(scopes=[scope]))
        answers = (
            await served.http.post("/track", json=EVENT, headers=headers),
            await served.http.post("/query", json=asked, headers=headers),
            await served.http.get("/dashboard/realtime/mine", headers=headers),
            await served.http.get("/admin/v1/keys", headers=headers),
        )
        outcomes[scope] = [answer.status_code for answer in answers]
    assert outcomes == {"ingest": [200, 403, 403, 403], "query": [403, 200, 200, 403], "admin": [200, 200, 200, 200]}


async def test_the_tenant_comes_from_the_credential(served: Platform) -> None:
    headers = bearer(await served.secret())
    for body in ({"sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'mine'"},):
        assert (await served.http.post("/query", json=body, headers=headers)).status_code == 200
        assert (await served.http.post("/query", json={**body, "customer_id": "mine"}, headers=headers)).status_code == 200
    of_all = bearer(await served.secret("*"))
    answer = await served.http.post("/query", json={"sql": "SELECT 1"}, headers=of_all)
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_customer_id")


@pytest.mark.parametrize("path", sorted(NATIVE))
async def test_tracking_takes_nothing_without_a_valid_key(served: Platform, path: str) -> None:
    body = EVENT if "batch" not in path else {"events": [EVENT]}
    for headers, code in (
        ({}, "unauthorized"),
        (bearer("mrw_" + "x" * 32), "invalid_key"),
        ({"Authorization": "Digest x"}, "unauthorized"),
        ({"Authorization": "Basic %%%"}, "unauthorized"),
        ({"X-API-Key": "mine"}, "invalid_key"),
    ):
        answer = await served.http.post(path, json={**body, "customer_id": "mine"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code), headers


async def test_tracking_takes_the_key_wherever_it_may_stand(served: Platform) -> None:
    key = await served.secret(kind="write")
    basic = base64.b64encode(f"{key}:".encode()).decode()
    bare = base64.b64encode(key.encode()).decode()
    for headers, body in (
        (bearer(key), {}),
        ({"Authorization": f"bearer  {key}"}, {}),
        ({"X-API-Key": key}, {}),
        ({"Authorization": f"Basic {basic}"}, {}),
        ({"Authorization": f"Basic {bare}"}, {}),
        ({}, {"write_key": key}),
    ):
        single = await served.http.post("/track", json={**EVENT, **body}, headers=headers)
        assert single.status_code == 200, (headers, single.text)
        batch = await served.http.post("/track/batch", json={"events": [EVENT], **body}, headers=headers)
        assert batch.json()["events_accepted"] == 1, (headers, batch.text)


async def test_a_foreign_tenants_event_is_refused_alone(served: Platform) -> None:
    headers = bearer(await served.secret(kind="write"))
    foreign = {**EVENT, "customer_id": "theirs"}
    single = await served.http.post("/track", json=foreign, headers=headers)
    assert (single.status_code, single.json()["code"]) == (403, "foreign_tenant")
    events = [EVENT, foreign, {**EVENT, "customer_id": "mine"}, {**EVENT, "customer_id": 7}]
    batch = (await served.http.post("/track/batch", json={"events": events}, headers=headers)).json()
    assert batch["events_accepted"] == 2
    assert [(one["index"], one["code"]) for one in batch["errors"]] == [(1, "foreign_tenant"), (3, "foreign_tenant")]


async def test_an_operators_key_sends_for_the_tenant_that_each_event_names(served: Platform) -> None:
    headers = bearer(await served.secret("*", scopes=["ingest"]))
    events = [{**EVENT, "customer_id": "theirs"}, {**EVENT, "customer_id": "mine"}, EVENT]
    batch = (await served.http.post("/track/batch", json={"events": events}, headers=headers)).json()
    assert batch["events_accepted"] == 2
    assert [one["code"] for one in batch["errors"]] == ["missing_customer_id"]


async def test_a_write_key_is_for_the_pages_that_it_names(served: Platform) -> None:
    origins = ["https://shop.example.com", "http://localhost:3000"]
    headers = bearer(await served.secret(kind="write", origins=origins))
    for origin, status in (
        ("https://shop.example.com", 200),
        ("http://localhost:3000", 200),
        ("https://shop.example.com.evil.com", 403),
        ("http://shop.example.com", 403),
        ("null", 403),
        (None, 403),
    ):
        given = {} if origin is None else {"Origin": origin}
        answer = await served.http.post("/track", json=EVENT, headers={**headers, **given})
        assert answer.status_code == status, origin
        if status == 403:
            assert answer.json()["code"] == "origin_not_allowed"


async def test_other_peoples_sdks_send_for_the_tenant_of_their_key(served: Platform) -> None:
    call = {"type": "track", "event": "Signed Up", "anonymousId": "a1", "messageId": "m1"}
    for key, status in ((await served.secret(kind="write"), 200), ("mine", 401), ("", 401)):
        answer = await served.http.post("/v1/batch", json={"batch": [call], "writeKey": key})
        assert answer.status_code == status, (key, answer.text)


async def test_a_write_key_does_nothing_but_send(served: Platform) -> None:
    headers = bearer(await served.secret(kind="write"))
    for method, path in (("GET", "/dashboard/realtime/mine"), ("GET", "/events/stream/mine"), ("GET", "/admin/v1/keys")):
        assert (await served.http.request(method, path, headers=headers)).status_code == 403, path


async def test_a_post_is_done_once_under_an_idempotency_key_and_answered_to_nobody_else(served: Platform) -> None:
    mine = {**bearer(await served.secret()), "Idempotency-Key": "once"}
    theirs = {**bearer(await served.secret("theirs")), "Idempotency-Key": "once"}
    asked = {"sql": "SELECT now64(9) AS at FROM events_raw WHERE customer_id = 'mine'"}
    first, again = [await served.http.post("/query", json=asked, headers=mine) for _ in range(2)]
    assert first.status_code == 200
    assert first.content == again.content
    other = await served.http.post("/query", json={"sql": "SELECT 2"}, headers=mine)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    foreign = await served.http.post("/query", json={**asked, "customer_id": "mine"}, headers=theirs)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_tenant")
    made = [await served.http.post("/admin/v1/keys", json={"kind": "write"}, headers=mine) for _ in range(2)]
    assert made[0].json()["key"] != made[1].json()["key"]
