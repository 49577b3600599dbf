"""Other people's SDKs, unmodified, against a real server: what they send is stored once, whatever happens on the way."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sdks.packages import OTHER_CALLS, PACKAGES, Package
from tests.support.relay import Relay, relay
from tests.support.server import Server

pytestmark = [pytest.mark.sdks, pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.title)]

_A_MINUTE = 60
_RESTART_SECONDS = 120.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limit = {"MILLRACE_INGEST_EVENTS_A_MINUTE": str(_A_MINUTE)}
    made = Server(tmp_path_factory.mktemp("sdks") / "data", limit)
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def between(server: Server) -> Iterator[Relay]:
    with relay(server.url) as made:
        yield made


@pytest.fixture(autouse=True)
def _installed(package: Package, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    package.skip_where_missing()
    record_property("sdk", (package.title, package.version(), request.node.originalname))


def tenant_of(package: Package, case: str) -> str:
    """One for each test."""
    return f"{package.title.strip('@').replace('/', '-').replace(' ', '-').replace('(', '').replace(')', '')}-{case}"


def rows(server: Server, tenant: str, columns: str) -> list[dict[str, Any]]:
    """What is stored of a tenant."""
    server.wait_until_stored()
    sql = f"SELECT {columns} FROM events_raw WHERE customer_id = '{tenant}' ORDER BY event_type, properties"
    answer = httpx.post(f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def numbers(server: Server, tenant: str) -> list[int]:
    """Of the stored events, sorted; each should be there once."""
    found = rows(server, tenant, "event_type, properties")
    return sorted(json.loads(row["properties"])["number"] for row in found if row["event_type"] == "Order Completed")


def test_happy_path(package: Package, server: Server, between: Relay) -> None:
    tenant = tenant_of(package, "happy")
    assert package.send(between.url, tenant, 20) == []
    assert {one.status for one in between.posts} == {200}
    found = rows(
        server,
        tenant,
        "event_type, event_name, visitor_id, user_id, page_path, properties, protocol, ip, is_bot, "
        "client_event_id != '' AS named, abs(dateDiff('second', timestamp, received_at)) < 3600 AS timely",
    )
    assert len(found) == 20 + OTHER_CALLS
    is_posthog = package.protocol.startswith("posthog")
    by_type = {row["event_type"]: row for row in found}
    order = by_type["Order Completed"]
    assert numbers(server, tenant) == list(range(20))
    assert json.loads(order["properties"])["revenue"] == 12.5
    assert (order["visitor_id"], order["user_id"]) == (("u1", "u1") if is_posthog else ("a1", "u1"))
    assert (by_type["page_view"]["page_path"], by_type["page_view"]["user_id"]) == ("/pricing", "u1")
    assert (by_type["alias"]["visitor_id"], by_type["alias"]["user_id"]) == ("a0", "u1")
    who = by_type["identify"] if "identify" in by_type else by_type["$set"]
    told = json.loads(who["properties"])
    assert (told.get("$set", told)["plan"], who["user_id"]) == ("pro", "u1")
    group = json.loads(by_type["group"]["properties"])
    assert (group["$group_key"], group["$group_set"]["seats"]) == ("g1", 5) if is_posthog else group["groupId"] == "g1"
    assert {row["protocol"] for row in found} == {package.protocol}
    assert {(row["ip"], bool(row["is_bot"]), bool(row["timely"])) for row in found} == {("", False, True)}


def test_gzip(package: Package, server: Server, between: Relay) -> None:
    if not package.compresses:
        pytest.skip(f"{package.name} does not compress")
    tenant = tenant_of(package, "gzip")
    assert package.send(between.url, tenant, 30, gzip=True) == []
    encodings = {value for one in between.posts for name, value in one.headers.items() if name.lower() == "content-encoding"}
    assert encodings == {"gzip"}
    assert numbers(server, tenant) == list(range(30))


def test_wrong_key(package: Package, between: Relay) -> None:
    package.send(between.url, "no.such,key", 3)
    assert {one.status for one in between.posts} == {401}
    sent = [identifier for one in between.posts for identifier in one.ids]
    assert len(sent) == len(set(sent)) == 3 + OTHER_CALLS  # some send the first event alone, none sends one twice


def test_overload(package: Package, server: Server, between: Relay) -> None:
    tenant = tenant_of(package, "overload")
    events = [{"customer_id": tenant, "visitor_id": "v", "event_type": "before"} for _ in range(_A_MINUTE + 30)]
    assert httpx.post(f"{server.url}/track/batch", json={"events": events}, timeout=30).status_code == 200
    package.send(between.url, tenant, 0)
    refused = [one for one in between.posts if one.status != 200]
    assert {one.status for one in refused} == {503 if package.protocol.startswith("posthog") else 429}
    assert all(1 <= one.retry_after <= 300 for one in refused)
    if package.waits:
        for one, following in zip(between.posts, between.posts[1:], strict=False):
            assert following.asked_at - one.answered_at >= min(one.retry_after, package.longest_wait)
    assert len([row for row in rows(server, tenant, "event_type, properties") if row["event_type"] != "before"]) == OTHER_CALLS


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, whose consumer waits so long with its flush that a kill comes before it."""
    made = Server(tmp_path / "data", {"MILLRACE_CONSUMER_FLUSH_SECONDS": "5"})
    try:
        made.start()
        yield made
    finally:
        made.kill()


class Restart:
    """SIGKILL, and a start on the same folder and port, in the relay's thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._done = threading.Event()

    def __call__(self) -> None:
        """Do it."""
        self._server.kill()
        self._server.start()
        self._done.set()

    def wait(self) -> None:
        """Return when the server is there again."""
        assert self._done.wait(_RESTART_SECONDS)


def test_lost_answer(package: Package, mortal: Server) -> None:
    """The server is killed when the events are durable and the client has not heard: sent again, they count once."""
    tenant = tenant_of(package, "lost")
    restart = Restart(mortal)
    with relay(mortal.url) as between:
        between.before_answer = restart
        assert package.send(between.url, tenant, 20) == []
        assert between.posts != []
    assert numbers(mortal, tenant) == list(range(20))
    assert len(rows(mortal, tenant, "event_type, properties")) == 20 + OTHER_CALLS


def test_killed_after_answer(package: Package, mortal: Server) -> None:
    """The server is killed at once behind its answer, before anything is in the warehouse: what was answered is stored."""
    tenant = tenant_of(package, "killed")
    restart = Restart(mortal)
    with relay(mortal.url) as between:
        between.after_answer = restart
        package.send(between.url, tenant, 20)
        restart.wait()
    assert numbers(mortal, tenant) == list(range(20))
