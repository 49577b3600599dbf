"""Other people's SDKs, unmodified, against a real server: what they send is stored once, and what is refused stays refused."""

import json
from collections.abc import Callable

import pytest

from tests.sdks.packages import OTHER_CALLS, PACKAGES, Package
from tests.sdks.stored import exceed_limit, numbers, rows, tenant_of
from tests.support.relay import Relay, relay
from tests.support.server import Server

pytestmark = [
    pytest.mark.sdks,
    pytest.mark.usefixtures("tried"),
    pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.title),
]


def test_happy_path(package: Package, server: Server, between: Relay) -> None:
    tenant = tenant_of(package.title, "happy")
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
        pytest.skip("does not compress")
    tenant = tenant_of(package.title, "gzip")
    assert package.send(between.url, tenant, 20, gzip=True) == []
    encodings = {value for one in between.posts for name, value in one.headers.items() if name.lower() == "content-encoding"}
    assert encodings == {"gzip"}
    assert numbers(server, tenant) == list(range(20))


def test_wrong_key(package: Package, strict: Server) -> None:
    with relay(strict.url) as between:
        package.send(between.url, "mrw_" + "x" * 32, 3)
    assert {one.status for one in between.posts} == {401}
    sent = [identifier for one in between.posts for identifier in one.ids]
    assert len(sent) == len(set(sent)) == 3 + OTHER_CALLS  # some send the first event alone, none sends one twice


def test_overload(package: Package, server: Server, between: Relay) -> None:
    tenant = tenant_of(package.title, "overload")
    exceed_limit(server, tenant)
    package.send(between.url, tenant, 0)
    refused = [one for one in between.posts if one.status != 200]
    assert {one.status for one in refused} == {503 if package.protocol.startswith("posthog") else 429}
    assert all(1 <= one.retry_after <= 300 for one in refused)
    if package.waits:
        for one, following in zip(between.posts, between.posts[1:], strict=False):
            assert following.asked_at - one.answered_at >= min(one.retry_after, package.longest_wait)
    assert len([row for row in rows(server, tenant, "event_type, properties") if row["event_type"] != "before"]) == OTHER_CALLS


def test_too_large(package: Package, server: Server, between: Relay, record_property: Callable[[str, object], None]) -> None:
    """More bytes than a request may have: split where the package can, else dropped; sent for ever by none."""
    tenant = tenant_of(package.title, "large")
    package.send(between.url, tenant, 200)
    assert 413 in {one.status for one in between.posts}
    refused = [identifier for one in between.posts if one.status == 413 for identifier in one.ids]
    if package.splits:
        record_property("cell", "split")
        assert numbers(server, tenant) == list(range(200))
        assert len(rows(server, tenant, "event_type, properties")) == 200 + OTHER_CALLS
    else:
        record_property("cell", "dropped, not sent again")
        assert len(set(refused)) == len(refused)
        taken = {identifier for one in between.posts if one.status == 200 for identifier in one.ids}
        assert taken.isdisjoint(refused)
        assert len(rows(server, tenant, "event_type, properties")) == len(taken)
