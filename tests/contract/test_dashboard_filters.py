"""A time and a filter of a whole dashboard: kept with it, other ones for a look, and what of it guests may change."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.access import bearer
from tests.support.analytics import post, view
from tests.support.server import Server

_COUNT: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count", "name": "n"}]}
_WEEK: dict[str, Any] = {"last": 7, "unit": "day"}
_LONG: dict[str, Any] = {"last": 60, "unit": "day"}
_PRO: dict[str, Any] = {"field": "properties.plan", "value": "pro"}
_SIDE: dict[str, Any] = {"field": {"name": "properties.side"}, "value": "a"}
_WIDGETS: list[dict[str, Any]] = [
    {"id": "all-time", "config": {"question": _COUNT}},
    {"id": "week", "config": {"question": {**_COUNT, "range": _WEEK}}},
    {"id": "side", "config": {"question": {**_COUNT, "range": _LONG, "where": _SIDE}}},
    {"id": "metric", "type": "metric", "config": {"metric": "events", "period": "week"}},
    {"id": "line", "config": {"metric": "events", "granularity": "day"}},
    {"id": "sql", "config": {"sql": "SELECT count() AS n FROM events_raw"}},
    {"id": "words", "type": "text", "config": {"text": "Read me"}},
]
_OWN = {"all-time": 31, "week": 7, "side": 13, "metric": 7, "line": 31, "sql": 31}
_OF_PRO = {"all-time": 11, "week": 3, "side": 9, "metric": 3, "line": 11, "sql": 31}
_OF_LONG = {"all-time": 31, "week": 31, "side": 13, "metric": 31, "line": 31, "sql": 31}
_OF_BOTH = {"all-time": 11, "week": 11, "side": 9, "metric": 11, "line": 11, "sql": 31}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Events of now and of 20 days ago, of two plans, of two sides: 1, 2, 4, 8 and 16 of them, so that a sum tells which."""
    made = Server(tmp_path_factory.mktemp("server") / "data")
    made.start()
    old = {"timestamp": (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=20)).isoformat()}
    for times, plan, side, more in (
        (1, "pro", "a", {}), (2, "pro", "b", {}), (4, "free", "a", {}), (8, "pro", "a", old), (16, "free", "b", old),
    ):  # fmt: skip
        event = {**view("shop"), "properties": {"plan": plan, "side": side}, **more}
        post(made, *([event] * times))
    made.wait_until_stored()
    yield made
    assert made.stop() == 0


def call(server: Server, method: str, path: str = "", **given: Any) -> httpx.Response:
    url = f"{server.url}/api/v1/dashboards{path}"
    return plain.request(method, url, timeout=60, headers={"X-Tenant-ID": "shop"}, **given)


def created(server: Server, **more: Any) -> str:
    made = call(server, "POST", json={"name": "Board", "widgets": _WIDGETS, **more})
    assert made.status_code == 201, made.text
    return f"/{made.json()['id']}"


def numbers(answer: httpx.Response) -> dict[str, float]:
    """What each widget shows; of a line the sum."""
    assert answer.status_code == 200, answer.text
    found = {}
    for one in answer.json()["values"]:
        assert one["error"] is None, one
        rows = one["answer"]["rows"] if one["answer"] else []
        found[one["widget_id"]] = sum(row[-1] for row in rows) if one["value"] is None else one["value"]
    return found


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, _OWN),
        ({"where": _PRO}, _OF_PRO),
        ({"range": _LONG}, _OF_LONG),
        ({"range": _LONG, "where": _PRO}, _OF_BOTH),
    ],
    ids=["nothing", "where", "range", "both"],
)
def test_a_kept_time_replaces_that_of_each_question_and_a_kept_filter_holds_beside_its_own(
    server: Server, filters: dict[str, Any], expected: dict[str, float]
) -> None:
    path = created(server, filters=filters)
    read = call(server, "GET", path).json()
    assert (read["filters"], read["guest_ranges"]) == (_told(filters), [])
    assert [one["config"] for one in read["widgets"]] == [one["config"] for one in _WIDGETS], "widgets stay as they were given"
    answer = call(server, "GET", f"{path}/values")
    assert numbers(answer) == expected
    follows = {one["widget_id"] for one in answer.json()["values"] if one["follows_range"]}
    assert follows == ({"week", "side", "metric", "line"} if "range" in filters else set())


def _told(filters: dict[str, Any]) -> dict[str, Any]:
    """As they are kept: a field is an object, and an operator said as it was."""
    told = dict(filters)
    if "where" in told:
        told["where"] = {**told["where"], "field": {"name": told["where"]["field"]}}
    return told


def test_the_product_documents_dashboard_is_of_the_kept_time_and_filter_too(server: Server) -> None:
    url, headers = f"{server.url}/api/v1/analytics/dashboards", {"X-Tenant-ID": "shop"}
    body = {
        "name": "Plans",
        "widgets": [{"type": "metric", "metric": "events", "period": "week"}],
        "filters": {"range": _LONG, "where": _PRO},
    }
    made = plain.post(url, json=body, headers=headers, timeout=60).json()
    assert made["widgets"][0]["value"] == 11
    assert set(made) == {"dashboard_id", "name", "widgets", "last_updated"}, "the document's shape"
    call(server, "PUT", f"/{made['dashboard_id']}", json={"filters": {}})
    assert plain.get(f"{url}/{made['dashboard_id']}", headers=headers, timeout=60).json()["widgets"][0]["value"] == 7


def test_a_look_with_other_filters_changes_nothing_that_is_kept(server: Server) -> None:
    path = created(server, filters={"where": _PRO})
    before = call(server, "GET", path)
    assert numbers(call(server, "POST", f"{path}/values", json={})) == _OF_PRO
    assert numbers(call(server, "POST", f"{path}/values", json={"filters": {}})) == _OWN
    looked = call(server, "POST", f"{path}/values", json={"filters": {"range": _LONG}, "widgets": ["metric", "week"]})
    assert numbers(looked) == {"week": 31, "metric": 31}
    after = call(server, "GET", path)
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


def test_what_is_not_said_stays_and_nothing_is_said_by_an_empty_object(server: Server) -> None:
    path = created(server, filters={"where": _PRO}, guest_ranges=[_LONG])
    kept = call(server, "PUT", path, json={"name": "Other", "widgets": _WIDGETS[:2]}).json()
    assert (kept["filters"], [one["last"] for one in kept["guest_ranges"]]) == (_told({"where": _PRO}), [60])
    gone = call(server, "PUT", path, json={"filters": {}, "guest_ranges": []}).json()
    assert (gone["filters"], gone["guest_ranges"], len(gone["widgets"])) == ({}, [], 2)


def test_filters_travel_with_a_document_and_what_guests_may_look_at_does_not(server: Server) -> None:
    path = created(server, filters={"range": _LONG, "where": _PRO}, guest_ranges=[_WEEK])
    document = call(server, "GET", f"{path}/export").json()
    assert document["filters"]["where"]["value"] == "pro"
    made = call(server, "POST", "/import", json=document).json()
    arrived = call(server, "GET", f"/{made['id']}").json()
    assert (arrived["filters"], arrived["guest_ranges"]) == (document["filters"], [])


_WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such field": ({"filters": {"where": {"field": "no_such", "value": 1}}}, "unknown_field", "filters"),
    "no such segment": ({"filters": {"where": {"segment": "nobody"}}}, "unknown_segment", "filters"),
    "no filter": ({"filters": {"where": {"field": "country"}}}, "invalid_request", "filters.where"),
    "backwards": ({"filters": {"range": {"start": "2026-02-01", "end": "2026-01-01"}}}, "invalid_range", "filters"),
    "misspelt": ({"filters": {"rnage": _LONG}}, "invalid_request", "filters.rnage"),
    "a guest's": ({"guest_ranges": [_LONG, {"start": "2026-02-01", "end": "2026-01-01"}]}, "invalid_range", "guest_ranges.1"),
}


@pytest.mark.parametrize("case", _WRONG)
def test_filters_that_could_not_be_asked_are_refused_with_their_place(server: Server, case: str) -> None:
    wrong, code, place = _WRONG[case]
    path = created(server)
    asked = [("PUT", path, wrong), ("POST", "", {"name": "x", **wrong})]
    if "filters" in wrong:
        asked.append(("POST", f"{path}/values", wrong))
    for method, where, body in asked:
        refused = call(server, method, where, json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
        assert refused.json()["detail"].startswith(place), refused.text
    assert call(server, "GET", path).json()["version"] == 1


def test_a_segment_that_a_question_means_otherwise_is_told_at_its_widget(server: Server) -> None:
    mine = {"segments": {"loyal": {"field": "page_path", "value": "/a"}}, "where": {"segment": "loyal"}}
    kept = f"{server.url}/api/v1/segments/shop/loyal"
    plain.put(kept, json={"where": _PRO}, timeout=60).raise_for_status()
    widgets = [{"id": "own", "config": {"question": {**_COUNT, **mine}}}, {"id": "other", "config": {"question": _COUNT}}]
    path = created(server, widgets=widgets, filters={"where": {"segment": "loyal"}})
    own, other = call(server, "GET", f"{path}/values").json()["values"]
    assert own["error"]["code"] == "invalid_filter"
    assert other["value"] == 11


def test_a_widget_shows_the_measure_that_it_names_and_paths_say_their_direction(server: Server) -> None:
    sessions = {"kind": "sessions", "range": _WEEK}
    paths = {"kind": "paths", "range": _WEEK, "event": {"field": "event_type", "value": "page_view"}, "direction": "before"}
    widgets = [
        {"id": "first", "type": "metric", "config": {"question": sessions}},
        {"id": "people", "type": "metric", "config": {"question": sessions, "measure": "events_per_session"}},
        {"id": "none", "type": "metric", "config": {"question": sessions, "measure": "no_such"}},
        {"id": "paths", "config": {"question": paths}},
    ]
    path = created(server, widgets=widgets)
    first, named, none, before = call(server, "GET", f"{path}/values").json()["values"]
    assert (first["value"], named["value"], none["value"]) == (1, 7, 1)
    assert before["answer"]["extra"] == {"direction": "before"}
    told = plain.get(f"{server.url}/api/v1/shared", headers=_shared(server, path), timeout=60).json()
    assert [one["measure"] for one in told["widgets"]] == [None, "events_per_session", "no_such", None]
    refused = call(server, "POST", json={"name": "x", "widgets": [{"config": {"metric": "events", "measure": "n"}}]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


def _shared(server: Server, path: str) -> dict[str, str]:
    made = call(server, "POST", f"{path}/links", json={"label": "The board"})
    return bearer(made.json()["token"])


def _look(server: Server, guest: dict[str, str], **body: Any) -> httpx.Response:
    return plain.post(f"{server.url}/api/v1/shared/values", json=body, headers=guest, timeout=60)


def test_a_guest_looks_at_no_other_time_unless_the_dashboard_offers_it(server: Server) -> None:
    path = created(server, filters={"where": _PRO})
    guest = _shared(server, path)
    assert numbers(_look(server, guest)) == _OF_PRO
    for asked in (_LONG, {"start": "2020-01-01", "end": "2026-12-31"}, {**_LONG, "last": 61}):
        refused = _look(server, guest, range=asked)
        assert (refused.status_code, refused.json()["code"]) == (403, "range_not_offered")
    call(server, "PUT", path, json={"guest_ranges": [_LONG]})
    told = plain.get(f"{server.url}/api/v1/shared", headers=guest, timeout=60).json()
    assert (told["range"], [one["last"] for one in told["ranges"]], told["is_filtered"]) == (None, [60], True)
    assert numbers(_look(server, guest, range=told["ranges"][0])) == _OF_BOTH, "the filter stays"
    assert _look(server, guest, range={**_LONG, "last": 61}).json()["code"] == "range_not_offered"
    call(server, "PUT", path, json={"guest_ranges": [], "filters": {"range": _LONG, "where": _PRO}})
    assert numbers(_look(server, guest, range=_LONG)) == _OF_BOTH, "the dashboard's own time is no other one"
    assert _look(server, guest, range=_WEEK).json()["code"] == "range_not_offered"


def test_a_guest_changes_no_filter_and_is_told_none(server: Server) -> None:
    path = created(server, filters={"where": _PRO}, guest_ranges=[_LONG])
    guest = _shared(server, path)
    probing: list[dict[str, Any]] = [
        {"where": _PRO},
        {"filters": {}},
        {"filters": {"where": {"field": "user_id", "value": "x"}}},
    ]
    for body in probing:
        refused = _look(server, guest, **body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request"), body
    told = plain.get(f"{server.url}/api/v1/shared", headers=guest, timeout=60)
    values = _look(server, guest, range=_LONG)
    said = json.dumps([told.json(), values.json()])
    words = ("properties.plan", "pro", "where", "filters", "SELECT", "statements")
    assert [word for word in words if f'"{word}"' in said] == []
    stolen = plain.post(f"{server.url}/api/v1/dashboards{path}/values", json={}, headers=guest, timeout=60)
    assert stolen.status_code in (400, 401), "a link's token names no tenant, and opens nothing else"
