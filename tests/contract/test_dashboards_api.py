"""Dashboards in the shapes of both documents: one that is stored, kept, changed by one at a time, deleted and brought back."""

import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.access import Platform, bearer, platform
from tests.support.analytics import post, view
from tests.support.server import Server

_REVENUE: dict[str, Any] = {
    "type": "chart",
    "title": "Revenue Over Time",
    "config": {"chart_type": "line", "metric": "revenue", "granularity": "day"},
    "position": {"x": 0, "y": 0, "width": 6, "height": 4},
}
_COUNT: dict[str, Any] = {"question": {"kind": "trend", "measures": [{"measure": "count", "name": "n"}]}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "data")
    made.start()
    bought: dict[str, Any] = {"event_type": "purchase", "properties": {"amount": 12.5}}
    post(made, *(view("shop", f"v{number % 4}", f"/p{number % 2}") for number in range(8)), view("shop", "v0", **bought))
    post(made, view("other", "v1"))
    made.wait_until_stored()
    yield made
    assert made.stop() == 0


def call(server: Server, method: str, path: str = "", tenant: str = "shop", **given: Any) -> httpx.Response:
    headers = {"X-Tenant-ID": tenant, **given.pop("headers", {})}
    return plain.request(method, f"{server.url}/api/v1/dashboards{path}", timeout=60, headers=headers, **given)


def product(server: Server, method: str, path: str = "", tenant: str = "shop", **given: Any) -> httpx.Response:
    url = f"{server.url}/api/v1/analytics/dashboards{path}"
    return plain.request(method, url, timeout=60, headers={"X-Tenant-ID": tenant}, **given)


def create(server: Server, name: str, *widgets: dict[str, Any], tenant: str = "shop", **more: Any) -> str:
    made = call(server, "POST", tenant=tenant, json={"name": name, "widgets": widgets, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def values(server: Server, dashboard: str, tenant: str = "shop") -> list[dict[str, Any]]:
    answer = call(server, "GET", f"/{dashboard}/values", tenant)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["values"])


def test_a_dashboard_is_created_read_changed_and_deleted_as_the_document_says(server: Server) -> None:
    asked = {"name": "Sales", "description": "Of sales", "layout": {"columns": 12, "rows": 8}, "widgets": [_REVENUE]}
    made = call(server, "POST", json=asked)
    assert (made.status_code, made.json()["name"]) == (201, "Sales")
    assert made.headers["etag"] == '"1"'
    path = f"/{made.json()['id']}"
    read = call(server, "GET", path).json()
    assert {name: read[name] for name in ("name", "description", "layout")} == {
        name: asked[name] for name in asked if name != "widgets"
    }
    widget = read["widgets"][0]
    assert {name: widget[name] for name in _REVENUE} == _REVENUE
    assert (read["updated_by"], read["version"], read["created_at"]) == ("anyone", 1, made.json()["created_at"])

    changed = call(server, "PUT", path, json={"name": "Takings", "widgets": [{**widget, "title": "Money"}]}).json()
    assert (changed["name"], changed["description"], changed["version"]) == ("Takings", "Of sales", 2)
    assert [(one["id"], one["title"]) for one in changed["widgets"]] == [(widget["id"], "Money")]
    assert call(server, "GET", path).json() == changed
    assert call(server, "DELETE", path).json()["deleted"] is True
    for method in ("GET", "PUT", "DELETE"):
        gone = call(server, method, path, json={} if method == "PUT" else None)
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_dashboard")
        assert gone.headers["content-type"] == "application/problem+json"


def test_dashboards_are_listed_by_name_page_by_page(server: Server) -> None:
    for name in ("beta", "Alpha", "gamma"):
        create(server, name, _REVENUE, tenant="lists")
    first = call(server, "GET", tenant="lists", params={"limit": 2}).json()
    rest = call(server, "GET", tenant="lists", params={"limit": 2, "page": 2}).json()
    assert [(one["name"], one["widget_count"]) for one in first["data"] + rest["data"]] == [
        ("Alpha", 1),
        ("beta", 1),
        ("gamma", 1),
    ]
    assert first["pagination"] == {"page": 1, "limit": 2, "total": 3, "total_pages": 2}
    assert call(server, "GET", tenant="empty").json() == {
        "data": [],
        "pagination": {"page": 1, "limit": 20, "total": 0, "total_pages": 0},
    }
    for wrong in ({"limit": 101}, {"limit": 0}, {"page": 0}):
        assert call(server, "GET", tenant="lists", params=wrong).json()["code"] == "invalid_request", wrong


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(server: Server) -> None:
    path = "/" + create(server, "Contended")
    seen = call(server, "GET", path).headers["etag"]
    assert call(server, "PUT", path, json={"name": "First"}, headers={"If-Match": seen}).status_code == 200
    for method, body in (("PUT", {"name": "Second"}), ("DELETE", None)):
        late = call(server, method, path, json=body, headers={"If-Match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "dashboard_changed")
        assert "version 2" in late.json()["detail"]
    for never in ('"0"', '"3"'):
        for method, body in (("PUT", {"name": "Second"}), ("DELETE", None)):
            other = call(server, method, path, json=body, headers={"If-Match": never})
            assert (other.status_code, other.json()["code"]) == (412, "dashboard_changed"), (method, never)
    found = call(server, "GET", path).json()
    assert (found["name"], found["version"]) == ("First", 2)
    assert call(server, "PUT", path, json={"name": "Third"}, headers={"If-Match": "*"}).json()["version"] == 3
    wrong = call(server, "PUT", path, json={"name": "x"}, headers={"If-Match": '"soon"'})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_if_match")


def test_of_many_who_change_it_at_once_without_a_condition_each_does_and_the_last_one_stays(server: Server) -> None:
    path = "/" + create(server, "Crowded", _REVENUE)
    with ThreadPoolExecutor(30) as pool:
        done = list(pool.map(lambda n: call(server, "PUT", path, json={"name": f"by {n}"}), range(30)))
    assert [one.status_code for one in done] == [200] * 30, [one.text for one in done if one.status_code != 200]
    last = max((one.json() for one in done), key=lambda told: told["version"])
    assert last["version"] == 31
    assert call(server, "GET", path).json() == last


def test_a_deleted_dashboard_is_brought_back_as_it_was(server: Server) -> None:
    path = "/" + create(server, "Lost and found", _REVENUE)
    before = call(server, "GET", path).json()
    call(server, "DELETE", path)
    assert call(server, "POST", f"{path}/restore", "other").status_code == 404
    assert call(server, "POST", f"{path}/restore").json() == before
    again = call(server, "POST", f"{path}/restore")
    assert (again.status_code, again.json()["code"]) == (404, "unknown_dashboard")


def test_a_dashboard_is_its_tenants_alone(server: Server) -> None:
    path = "/" + create(server, "Mine", {"config": _COUNT, "type": "metric"})
    for method, below in (
        ("GET", ""), ("GET", "/values"), ("POST", "/values"), ("GET", "/export"), ("GET", "/links"), ("PUT", ""),
        ("DELETE", ""),
    ):  # fmt: skip
        foreign = call(server, method, path + below, "other", json={} if method in ("PUT", "POST") else None)
        assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown_dashboard"), (method, below)
    assert product(server, "GET", path, "other").status_code == 404
    missing = plain.get(f"{server.url}/api/v1/dashboards", timeout=60)
    assert (missing.status_code, missing.json()["code"]) == (400, "missing_customer_id")


def test_widgets_show_what_their_questions_and_statements_answer_of_this_tenant_alone(server: Server) -> None:
    saved = {"sql": "SELECT event_type, count() AS n FROM events_raw WHERE event_type != {but:String} GROUP BY 1 ORDER BY 1"}
    for tenant in ("shop", "other"):
        plain.put(f"{server.url}/query/saved/{tenant}/types", json=saved, timeout=60).raise_for_status()
    widgets = (
        {"type": "metric", "title": "Events", "config": _COUNT},
        {"type": "metric", "title": "Money", "config": {"metric": "revenue", "period": "week"}},
        {"title": "Saved", "config": {"saved": "types", "parameters": {"but": "purchase"}}},
        {"title": "SQL", "type": "metric", "config": {"sql": "SELECT uniq(visitor_id) AS people FROM events_raw"}},
        {"title": "Note", "type": "text", "config": {"text": "Read me"}},
    )
    mine = values(server, create(server, "All kinds", *widgets))
    assert [one["error"] for one in mine] == [None] * 4
    assert [one["value"] for one in mine] == [9, 12.5, None, 4]
    assert mine[0]["answer"]["rows"] == [[9]]
    assert mine[0]["answer"]["source"]
    assert mine[2]["rows"]["data"] == [{"event_type": "page_view", "n": 8}]
    theirs = values(server, create(server, "All kinds", *widgets, tenant="other"), "other")
    assert [one["value"] for one in theirs] == [1, 0, None, 1]
    assert theirs[2]["rows"]["data"] == [{"event_type": "page_view", "n": 1}]


def test_only_the_widgets_that_are_named_are_asked(server: Server) -> None:
    path = "/" + create(server, "Some", *({"id": f"w{number}", "config": _COUNT} for number in range(3)))
    some = call(server, "GET", f"{path}/values", params={"widget": ["w2", "w0", "nobody"]}).json()["values"]
    assert [one["widget_id"] for one in some] == ["w0", "w2"]


def test_one_widget_that_cannot_be_asked_says_why_and_the_others_have_their_values(server: Server) -> None:
    plain.put(f"{server.url}/query/saved/shop/fleeting", json={"sql": "SELECT 1 AS n"}, timeout=60).raise_for_status()
    dashboard = create(server, "Half", {"config": {"saved": "fleeting"}}, {"type": "metric", "config": _COUNT})
    plain.delete(f"{server.url}/query/saved/shop/fleeting", timeout=60).raise_for_status()
    lost, whole = values(server, dashboard)
    assert lost["error"] == {"code": "unknown_statement", "message": "shop has no saved statement fleeting"}
    assert whole["value"] == 9
    read = call(server, "GET", f"/{dashboard}").json()
    moved = [{**one, "position": {**one["position"], "y": 9}} for one in read["widgets"]]
    arranged = call(server, "PUT", f"/{dashboard}", json={"widgets": moved})
    assert arranged.status_code == 200, "what was looked at before is not looked at again"
    assert arranged.json()["layout"]["rows"] == 13


def test_statements_of_dashboards_are_not_in_the_history_of_what_people_asked(server: Server) -> None:
    dashboard = create(server, "Quiet", {"config": {"sql": "SELECT 77 AS n"}}, tenant="quiet")
    assert values(server, dashboard, "quiet")[0]["value"] == 77
    plain.post(f"{server.url}/query", json={"customer_id": "quiet", "sql": "SELECT 1 AS x WHERE 'quiet' = 'quiet'"}, timeout=60)
    told = plain.get(f"{server.url}/query/history/quiet", timeout=60).json()["statements"]
    assert [one["sql"] for one in told if "77" in one["sql"]] == []


_WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such metric": ({"config": {"metric": "fame"}}, "unknown_metric", "widgets.1.config"),
    "no such field": (
        {"config": {"question": {**_COUNT["question"], "by": ["no_such"]}}}, "unknown_field", "widgets.1.config",
    ),
    "no such kind": ({"config": {"question": {"kind": "guess"}}}, "invalid_request", "widgets.1.config.question"),
    "no such column": ({"config": {"sql": "SELECT no_such FROM events_raw"}}, "unknown_column", "widgets.1.config"),
    "one name twice": ({"config": {"sql": "SELECT 1 AS a, 2 AS a"}}, "duplicate_columns", "widgets.1.config"),
    "forbidden": ({"config": {"sql": "SELECT file('/etc/hostname')"}}, "sql_not_allowed", "widgets.1.config"),
    "no value": ({"config": {"sql": "SELECT {n:UInt8} AS n"}}, "invalid_parameters", "widgets.1.config"),
    "nothing saved": ({"config": {"saved": "nowhere"}}, "unknown_statement", "widgets.1.config"),
    "two things": ({"config": {"metric": "revenue", "text": "x"}}, "invalid_request", "widgets.1.config"),
    "nothing": ({"config": {}}, "invalid_request", "widgets.1.config"),
    "no chart": ({"config": {"metric": "revenue", "chart_type": "pie"}}, "invalid_request", "widgets.1.config.chart_type"),
    "misspelt": ({"config": {"metric": "revenue", "granulatiry": "day"}}, "invalid_request", "widgets.1.config.granulatiry"),
    "too wide": (
        {"config": _COUNT, "position": {"x": 8, "y": 0, "width": 5, "height": 1}}, "invalid_dashboard", "widgets.1.position",
    ),
    "no height": (
        {"config": _COUNT, "position": {"x": 0, "y": 0, "width": 5, "height": 0}},
        "invalid_request",
        "widgets.1.position.height",
    ),
    "another's id": ({"id": "a", "config": _COUNT}, "invalid_dashboard", "widgets.1.id"),
    "a script for a link": (
        {"config": {**_COUNT, "opens": "javascript:alert(1)"}}, "invalid_request", "widgets.1.config.opens",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", _WRONG)
def test_a_widget_that_could_not_be_asked_is_refused_with_its_place(server: Server, case: str) -> None:
    wrong, code, place = _WRONG[case]
    document = {"format": "millrace.dashboard", "version": 1, "name": "x", "widgets": [{"id": "a", "config": _COUNT}, wrong]}
    whole = {name: document[name] for name in ("name", "widgets")}
    for path, body in (("", whole), ("/import", document)):
        refused = call(server, "POST", path, "wrong", json=body)
        told = refused.json()
        assert (refused.status_code, told["code"]) == (400, code), refused.text
        assert told["errors"][0]["field"].startswith(place), told
        assert told["detail"].startswith(place), told
    assert call(server, "GET", tenant="wrong").json()["data"] == []


def test_a_dashboard_has_a_size(server: Server) -> None:
    many = call(server, "POST", json={"name": "Many", "widgets": [{"config": _COUNT}] * 51})
    assert (many.status_code, many.json()["code"]) == (400, "invalid_request")
    wordy = [{"config": {"text": "ä" * 5_000}, "type": "text"}] * 10
    large = call(server, "POST", json={"name": "Large", "widgets": wordy})
    assert (large.status_code, large.json()["code"]) == (413, "dashboard_too_large")


def test_widgets_without_a_place_get_the_first_that_is_free(server: Server) -> None:
    taken = {"config": _COUNT, "position": {"x": 3, "y": 0, "width": 3, "height": 2}}
    read = call(server, "GET", "/" + create(server, "Places", taken, *[{"type": "metric", "config": _COUNT}] * 4)).json()
    places = [(one["position"]["x"], one["position"]["y"]) for one in read["widgets"]]
    assert places == [(3, 0), (0, 0), (6, 0), (9, 0), (0, 2)]


def test_a_dashboard_leaves_as_a_document_and_comes_in_again_as_the_same(server: Server) -> None:
    note = {"type": "text", "config": {"text": "Read me"}}
    first = create(
        server, "Travelling", _REVENUE, note, {"config": _COUNT}, description="Far", layout={"columns": 8, "rows": 3}
    )
    out = call(server, "GET", f"/{first}/export")
    assert out.headers["content-disposition"] == f'attachment; filename="dashboard-{first}.json"'
    document = out.json()
    assert (document["format"], document["version"]) == ("millrace.dashboard", 1)
    assert [set(one) for one in document["widgets"]] == [{"type", "title", "config", "position"}] * 3
    made = call(server, "POST", "/import", "other", json=document)
    assert made.status_code == 201, made.text
    assert call(server, "GET", f"/{made.json()['id']}/export", "other").json() == document
    later = call(server, "POST", "/import", json={**document, "version": 2})
    assert (later.status_code, later.json()["errors"][0]["field"]) == (400, "version")


def test_the_product_documents_dashboard_has_current_values_and_is_the_same_one(server: Server) -> None:
    widgets = [
        {"type": "metric", "title": "Active Users", "metric": "active_users", "period": "today"},
        {"type": "chart", "title": "Over Time", "metric": "page_views", "visualization": "line", "group_by": "day"},
        {"type": "table", "title": "By page", "metric": "page_views", "group_by": "page_path"},
    ]
    made = product(server, "POST", json={"name": "Executive Dashboard", "widgets": widgets})
    assert made.status_code == 201, made.text
    path = f"/{made.json()['dashboard_id']}"
    read = product(server, "GET", path).json()
    active, over, by = read["widgets"]
    assert (active["type"], active["title"], active["value"], active["change"]) == ("metric", "Active Users", 4, None)
    assert sum(row["page_views"] for row in over["data"]) == 8
    assert (over["visualization"], over["value"]) == ("line", None)
    assert [(row["page_path"], row["page_views"]) for row in by["data"]] == [("/p0", 4), ("/p1", 4)]
    kept = call(server, "GET", path).json()
    assert [one["config"] for one in kept["widgets"]] == [
        {"metric": "active_users", "period": "today"},
        {"metric": "page_views", "chart_type": "line", "granularity": "day"},
        {"metric": "page_views", "by": "page_path"},
    ]
    assert [one["id"] for one in kept["widgets"]] == [one["widget_id"] for one in read["widgets"]]
    shown = product(server, "GET", "/" + create(server, "Commerce's", _REVENUE)).json()["widgets"][0]
    assert sum(row["revenue"] or 0 for row in shown["data"]) == 12.5
    wrong = product(server, "POST", json={"name": "x", "widgets": [{"metric": "fame"}]})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "widgets.0.config")


def test_the_guide_makes_a_dashboard_and_a_link_to_it(server: Server) -> None:
    text = (Path(__file__).parents[2] / "docs/guides/dashboards.md").read_text()
    told = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        command = ["bash", "-ec", block.replace("http://localhost:8080", server.url)]
        told.append(json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout))
    made, link = told
    assert made["name"] == "Sales"
    shared = plain.get(f"{server.url}/api/v1/shared", headers=bearer(link["token"]), timeout=60).json()
    assert [(one["title"], one["position"]["width"]) for one in shared["widgets"]] == [("Revenue", 3), ("By day", 9)]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data", query_dashboards_a_minute=40) as opened:
        yield opened


async def test_who_may_look_reads_who_may_ask_in_sql_changes_and_the_trail_says_who(served: Platform) -> None:
    analyst, sender = bearer(await served.secret(scopes=["query"])), bearer(await served.secret(scopes=["ingest"]))
    viewer = await _viewer(served)
    body = {"name": "Ours", "widgets": [{"type": "metric", "config": {"sql": "SELECT 5 AS n"}}]}
    before = await served.as_server("GET", "/changes")
    made = await served.http.post("/api/v1/dashboards", json=body, headers=analyst)
    path = f"/api/v1/dashboards/{made.json()['id']}"
    for method, url, sent in (
        ("POST", "/api/v1/dashboards", body), ("POST", "/api/v1/analytics/dashboards", {"name": "x"}), ("PUT", path, {}),
        ("DELETE", path, None), ("POST", f"{path}/restore", None), ("GET", f"{path}/links", None),
        ("POST", f"{path}/links", {}),
    ):  # fmt: skip
        refused = await served.http.request(method, url, headers=viewer, json=sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope"), (method, url)
    for url in ("/api/v1/dashboards", path, f"{path}/values", f"{path}/export", path.replace("v1/", "v1/analytics/")):
        assert (await served.http.get(url, headers=viewer)).status_code == 200, url
        assert (await served.http.get(url, headers=sender)).json()["code"] == "missing_scope", url
    other = {"filters": {"range": {"last": 1, "unit": "day"}}}
    assert (await served.http.post(f"{path}/values", headers=viewer, json=other)).status_code == 200
    assert (await served.http.post(f"{path}/values", headers=sender, json=other)).json()["code"] == "missing_scope"
    seen = (await served.http.get(f"{path}/values", headers=viewer)).json()["values"]
    assert [one["value"] for one in seen] == [5]
    await served.http.put(path, json={"name": "Still ours"}, headers=analyst)
    await served.http.delete(path, headers=analyst)
    await served.http.post(f"{path}/restore", headers=analyst)
    told = [one for one in await served.as_server("GET", "/changes") if one not in before and one["tenant"] == "mine"]
    assert [one["action"] for one in told if one["action"].startswith("dashboard")] == [
        "dashboard_created", "dashboard_changed", "dashboard_deleted", "dashboard_restored",
    ]  # fmt: skip


async def _viewer(served: Platform) -> dict[str, str]:
    """Somebody who may look and no more, signed in."""
    email, password = "eve@example.com", "correct horse battery"
    await served.as_server("POST", "/users", json={"tenant": "mine", "email": email, "role": "viewer"})
    link = (await served.as_server("POST", f"/users/{email}/password"))["link"]
    await served.http.post("/auth/v1/password", json={"token": link.partition("token=")[2], "password": password})
    login = await served.http.post("/auth/v1/login", json={"email": email, "password": password})
    return bearer(login.json()["access_token"])


async def test_a_tenant_may_ask_for_its_dashboards_so_often(served: Platform) -> None:
    headers = bearer(await served.secret(scopes=["query"]))
    answers = [await served.http.get("/api/v1/dashboards", headers=headers) for _ in range(41)]
    assert {one.status_code for one in answers[:40]} == {200}
    late = answers[40]
    assert (late.status_code, late.json()["code"]) == (429, "asking_rate_limited")
    assert late.headers["x-ratelimit-limit"] == "40"
    assert int(late.headers["retry-after"]) >= 1


async def test_both_documents_count_against_the_same_limit(tmp_path: Path) -> None:
    async with platform(tmp_path / "data", query_dashboards_a_minute=2) as served:
        headers = bearer(await served.secret(scopes=["query"]))
        both = ("/api/v1/dashboards", "/api/v1/analytics/dashboards")
        made = [await served.http.post(path, json={"name": "Board"}, headers=headers) for path in both]
        assert [one.status_code for one in made] == [201, 201]
        late = [await served.http.post(path, json={"name": "Late"}, headers=headers) for path in both]
        late.append(await served.http.get(f"{both[1]}/{made[1].json()['dashboard_id']}", headers=headers))
    assert [(one.status_code, one.json()["code"]) for one in late] == [(429, "asking_rate_limited")] * 3


async def test_a_post_that_is_repeated_makes_one_dashboard(served: Platform) -> None:
    headers = {**bearer(await served.secret(scopes=["query"])), "Idempotency-Key": "once"}
    first, again = [await served.http.post("/api/v1/dashboards", json={"name": "Once"}, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    listed = await served.http.get("/api/v1/dashboards", headers=headers)
    assert listed.json()["pagination"]["total"] == 1
