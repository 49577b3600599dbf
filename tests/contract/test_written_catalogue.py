"""What tenants write about their data: descriptions and segments, over HTTP, and where they show."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.access import Platform, bearer, platform
from tests.support.analytics import post, view
from tests.support.server import Server

_COUNT: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count", "name": "n"}]}
_AUSTRIA: dict[str, Any] = {"field": "properties.country", "value": "AT"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "data")
    made.start()
    bought = [
        view("shop", f"v{n}", event_type="ord_x", properties={"pl": ("free", "pro")[n % 2], "country": ("AT", "DE")[n % 3 > 0]})
        for n in range(12)
    ]
    post(made, *bought, view("shop"), view("other"))
    made.wait_until_stored()
    yield made
    assert made.stop() == 0


def call(server: Server, method: str, path: str, **given: Any) -> httpx.Response:
    return plain.request(method, f"{server.url}/api/v1{path}", timeout=60, **given)


def describe(server: Server, kind: str, name: str, tenant: str = "shop", **said: Any) -> httpx.Response:
    return call(server, "PUT", f"/descriptions/{tenant}", json={"kind": kind, "name": name, **said})


def keep(server: Server, name: str, where: Any, tenant: str = "shop", **said: Any) -> httpx.Response:
    return call(server, "PUT", f"/segments/{tenant}/{name}", json={"where": where, **said})


def count(server: Server, where: Any, tenant: str = "shop") -> httpx.Response:
    return call(server, "POST", "/questions", json={"customer_id": tenant, "question": {**_COUNT, "where": where}})


def plainly(server: Server, text: str) -> dict[str, Any]:
    body = {"customer_id": "shop", "query": text}
    return dict(plain.post(f"{server.url}/ai/query", json=body, timeout=60).raise_for_status().json())


def test_descriptions_are_listed_replaced_and_forgotten(server: Server) -> None:
    describe(server, "event", "b", "lists", label="B", description="Second", synonyms=["bee", "bee"])
    describe(server, "property", "a/../b?", "lists", label="A")
    describe(server, "event", "b", "lists", label="Bee")

    told = call(server, "GET", "/descriptions/lists").json()["descriptions"]
    assert [(one["kind"], one["name"], one["label"], one["synonyms"], one["written_by"]) for one in told] == [
        ("event", "b", "Bee", [], "anyone"),
        ("property", "a/../b?", "A", [], "anyone"),
    ]
    gone = {"kind": "property", "name": "a/../b?"}
    assert call(server, "DELETE", "/descriptions/lists", params=gone).status_code == 200
    again = call(server, "DELETE", "/descriptions/lists", params=gone)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert len(call(server, "GET", "/descriptions/lists").json()["descriptions"]) == 1
    assert call(server, "GET", "/descriptions/other").json()["descriptions"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "table"}, {"name": ""}, {"name": "x" * 201}, {"name": "\0"}, {"label": "x" * 101}, {"description": "\0"},
        {"synonyms": [""]}, {"synonyms": ["x"] * 21}, {"more": 1},
    ],
)  # fmt: skip
def test_a_description_that_is_none_is_refused(server: Server, wrong: dict[str, Any]) -> None:
    answer = call(server, "PUT", "/descriptions/shop", json={"kind": "event", "name": "x", **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text


def test_the_schema_tells_what_was_written_at_once(server: Server) -> None:
    def told() -> dict[str, Any]:
        return dict(plain.get(f"{server.url}/schema/shop", timeout=60).raise_for_status().json())

    describe(server, "event", "ord_x", label="Order", description="Paid.", synonyms=["sale"])
    describe(server, "property", "pl", description="What they pay for")
    before = told()
    types = {one["event_type"]: one for one in before["event_types"]}
    assert before["described"] is True
    assert (types["ord_x"]["label"], types["ord_x"]["description"], types["ord_x"]["synonyms"]) == ("Order", "Paid.", ["sale"])
    properties = {one["name"]: one["description"] for one in types["ord_x"]["properties"]}
    assert properties == {"pl": "What they pay for", "country": ""}
    assert types["page_view"]["label"] == "Page view", "the platform's own word where the tenant wrote none"
    describe(server, "event", "ord_x", label="Purchase order")
    assert {one["event_type"]: one["label"] for one in told()["event_types"]}["ord_x"] == "Purchase order"


def test_plain_language_without_a_model_knows_what_was_written(server: Server) -> None:
    assert plainly(server, "How many consignments by tariff?")["status"] == "unanswerable"
    describe(server, "event", "ord_x", synonyms=["consignment"])
    describe(server, "property", "pl", label="Tariff")
    keep(server, "alpine_folk", _AUSTRIA, label="Mountaineers")

    by_tariff = plainly(server, "How many consignments by tariff?")
    assert by_tariff["status"] == "ok", by_tariff
    assert sorted(tuple(row.values()) for row in by_tariff["data"]) == [("free", 6), ("pro", 6)]
    of_segment = plainly(server, "How many consignments of mountaineers?")
    assert of_segment["status"] == "ok", of_segment
    assert [tuple(row.values()) for row in of_segment["data"]] == [(4,)]


def test_a_kept_segment_is_asked_by_its_name_and_as_it_is_now(server: Server) -> None:
    assert count(server, {"segment": "ours"}).json()["code"] == "unknown_segment"
    keep(server, "ours", _AUSTRIA)
    keep(server, "ours_paying", {"all": [{"segment": "ours"}, {"field": "properties.pl", "value": "pro"}]})

    assert count(server, {"segment": "ours"}).json()["rows"] == [[4]]
    assert count(server, {"segment": "ours_paying"}).json()["rows"] == [[2]]
    assert count(server, {"not": {"segment": "ours"}}).json()["rows"] == [[9]]
    keep(server, "ours", {**_AUSTRIA, "value": "DE"})
    assert count(server, {"segment": "ours"}).json()["rows"] == [[8]]
    foreign = count(server, {"segment": "ours"}, "other")
    assert (foreign.status_code, foreign.json()["code"]) == (400, "unknown_segment")


def test_segments_are_listed_shown_and_forgotten(server: Server) -> None:
    keep(server, "one", _AUSTRIA, "lists", label="One", description="First")
    keep(server, "two", {"not": {"segment": "one"}}, "lists")

    listed = call(server, "GET", "/segments/lists").json()["segments"]
    assert [(one["name"], one["label"], one["where"]) for one in listed] == [
        ("one", "One", {"field": {"name": "properties.country"}, "value": "AT"}),
        ("two", "", {"not": {"segment": "one"}}),
    ]
    assert call(server, "GET", "/segments/lists/one").json()["segment"] == listed[0]
    used = call(server, "DELETE", "/segments/lists/one")
    assert (used.status_code, used.json()["code"]) == (409, "segment_in_use")
    for name in ("two", "one"):
        assert call(server, "DELETE", f"/segments/lists/{name}").status_code == 200
    for method in ("GET", "DELETE"):
        gone = call(server, method, "/segments/lists/one")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "where", "code"),
    [
        ("buyers", _AUSTRIA, "reserved_segment"),
        ("self", {"segment": "self"}, "invalid_filter"),
        ("nobodys", {"segment": "no_such"}, "unknown_segment"),
        ("Loud", _AUSTRIA, "invalid_request"),
        ("broken", {"field": "country", "operator": "like", "value": "A"}, "invalid_request"),
    ],
)
def test_a_segment_that_cannot_be_asked_is_not_kept(server: Server, name: str, where: Any, code: str) -> None:
    refused = keep(server, name, where, "wrong")
    assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
    assert call(server, "GET", "/segments/wrong").json()["segments"] == []


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path / "data") as opened:
        yield opened


async def test_who_may_look_reads_and_who_may_ask_writes_and_the_trail_says_who(served: Platform) -> None:
    asks = bearer(await served.secret(scopes=["query"]))
    sends = bearer(await served.secret(scopes=["ingest"]))
    described, segment = {"kind": "event", "name": "x", "label": "X"}, {"where": _AUSTRIA}
    before = await served.as_server("GET", "/changes")
    for method, path, body in (
        ("PUT", "/descriptions/mine", described),
        ("PUT", "/segments/mine/austria", segment),
        ("GET", "/descriptions/mine", None),
        ("GET", "/segments/mine", None),
    ):
        refused = await served.http.request(method, f"/api/v1{path}", headers=sends, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope"), (method, path)
        done = await served.http.request(method, f"/api/v1{path}", headers=asks, json=body)
        assert done.status_code == 200, (method, path, done.text)
    told = [one for one in await served.as_server("GET", "/changes") if one not in before]
    assert [(one["action"], one["subject"], one["tenant"]) for one in told] == [
        ("description_changed", "event x", "mine"),
        ("segment_saved", "austria", "mine"),
    ]
    assert {one["actor"][:4] for one in told} == {"key:"}
