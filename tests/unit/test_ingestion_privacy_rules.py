"""Fields that a tenant denies or has hashed: nothing of them reaches the log."""

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput
from millrace_core.privacy import Field, field_of
from millrace_ingestion.privacy.filtering import Filtering
from millrace_ingestion.privacy.rules import GONE, FieldRules, replace_at, with_parameters
from millrace_ingestion.protocols.native import NativeEvent
from millrace_records.ports import Tenant
from tests.support.ingestion import EVENT, Tracker, tracker

_SECRET = "5e" * 32
_MARK = "ada@example.com"


def _client(*denied: str, hashed: tuple[str, ...] = ()) -> Tracker:
    client = tracker()
    client.settle(Tenant("demo", denied=denied, hashed=hashed, hash_secret=_SECRET))
    return client


def _hash(value: str) -> str:
    return hmac.new(bytes.fromhex(_SECRET), value.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("user_id", Field("user_id")),
        ("properties.contact.email", Field("properties", ("contact", "email"))),
        ("context.ip", Field("context", ("ip",))),
        ("query.Email", Field("query", ("email",))),
    ],
)
def test_a_field_is_a_column_a_path_or_a_parameter(name: str, field: Field) -> None:
    assert field_of(name) == field


@pytest.mark.parametrize(
    "name", ["", "email", "properties", "properties.", "properties..a", "query", "event_id", "a.b", "properties.a\n"]
)
def test_what_names_no_field_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(InvalidInput, match="allowed is user_id"):
        field_of(name)


@pytest.mark.parametrize("name", ["ip", "page_url"])
def test_what_makes_no_sense_as_a_hash_cannot_be_hashed(name: str) -> None:
    field_of(name)
    with pytest.raises(InvalidInput):
        field_of(name, hashed=True)


async def test_a_denied_property_is_not_in_the_line() -> None:
    client = _client("properties.email", "properties.cart.owner", "context.traits.email")
    line = await client.line(
        {
            "properties": {"email": _MARK, "price": 3, "cart": [{"owner": _MARK, "sku": "a"}, {"sku": "b"}]},
            "context": {"traits": {"email": _MARK, "plan": "pro"}},
        }
    )
    assert line["properties"] == {"price": 3, "cart": [{"sku": "a"}, {"sku": "b"}]}
    assert line["context"] == {"traits": {"plan": "pro"}}
    assert _MARK.encode() not in client.log.records[0].line


@pytest.mark.parametrize(
    "sent",
    [
        '{"email":"%s","email":1}',
        '{"email":1,"email":"%s"}',
        '{"\\u0065mail":"%s"}',
        '{"x":{"email":"%s"},"x":{}}',
        '{"x.email":"%s"}',
        '[{"email":"%s"}]',
        '{"x":[[{"email":"%s"}]]}',
    ],
)
async def test_no_way_of_writing_a_denied_key_gets_it_in(sent: str) -> None:
    client = _client("properties.email", "properties.x.email")
    body = json.dumps({**EVENT, "properties": 0}).replace('"properties": 0', f'"properties": {sent % _MARK}')
    await client.post("/track", body)
    assert all(_MARK.encode() not in record.line for record in client.log.records)


async def test_hashes_are_keyed_and_the_same_for_the_same_value_wherever_it_stands() -> None:
    client = _client(hashed=("user_id", "properties.email", "properties.number", "properties.nothing"))
    line = await client.line({"user_id": _MARK, "properties": {"email": _MARK, "number": 42, "nothing": None}})
    assert line["user_id"] == line["properties"]["email"] == _hash(_MARK)
    assert line["properties"]["number"] == _hash("42")
    assert line["properties"]["nothing"] is None


async def test_a_numeric_user_is_hashed_as_its_text() -> None:
    assert (await _client(hashed=("user_id",)).line({"user_id": 42}))["user_id"] == _hash("42")


async def test_what_is_denied_and_hashed_is_denied() -> None:
    assert "user_id" not in await _client("user_id", hashed=("user_id",)).line({"user_id": _MARK})


async def test_an_event_whose_only_identity_is_denied_is_kept_without_one() -> None:
    client = _client("visitor_id")
    line = await client.line({"visitor_id": "v1"})
    assert "visitor_id" not in line
    assert client.log.records[0].routing == line["event_id"]


async def test_the_key_of_the_log_is_made_of_what_is_stored() -> None:
    client = _client(hashed=("visitor_id",))
    await client.line({"visitor_id": "v1"})
    assert client.log.records[0].routing == _hash("v1")


async def test_an_id_is_taken_out_where_an_sdk_repeats_it() -> None:
    client = _client(hashed=("user_id",))
    event = {
        "event": "signup",
        "distinct_id": _MARK,
        "properties": {"token": "demo", "distinct_id": _MARK, "$user_id": _MARK, "plan": _MARK},
    }
    assert (await client.post("/i/v0/e/", {"api_key": "demo", **event})).status == 200
    said = client.log.lines[0]["properties"]
    assert said["distinct_id"] == said["$user_id"] == client.log.lines[0]["user_id"] == _hash(_MARK)
    assert said["plan"] == _MARK, "only the names under which SDKs repeat ids"


_RUDDER: dict[str, Any] = {
    "type": "track", "event": "signup", "messageId": "1", "userId": "ada", "anonymousId": "laptop",
    "context": {"sessionId": 170, "traits": {"userId": "ada", "anonymousId": "laptop", "plan": "pro"}},
    "properties": {"userId": "ada", "user_id": "bob", "cart": [{"anonymous_id": "laptop", "distinct_id": "ada", "sku": "a"}]},
}  # fmt: skip


async def test_ids_are_taken_out_of_everything_that_is_named_for_them_however_deep() -> None:
    client = _client("session_id", hashed=("user_id", "visitor_id", "properties.userId"))
    assert (await client.post("/v1/batch", {"batch": [_RUDDER], "writeKey": "demo"})).status == 200
    line, ada, laptop = client.log.lines[0], _hash("ada"), _hash("laptop")
    assert (line["user_id"], line["visitor_id"], "session_id" in line) == (ada, laptop, False)
    assert line["context"] == {"traits": {"userId": ada, "anonymousId": laptop, "plan": "pro"}}
    assert line["properties"] == {
        "userId": ada, "user_id": _hash("bob"), "cart": [{"anonymous_id": laptop, "distinct_id": ada, "sku": "a"}],
    }  # fmt: skip


async def test_ids_are_taken_out_where_a_protocol_reads_them_from() -> None:
    client = _client("session_id", "visitor_id", hashed=("user_id",))
    params = {"session_id": 1700000000, "engagement_time_msec": 5}
    google = {"client_id": "laptop", "user_id": "ada", "events": [{"name": "signup", "params": params}]}
    assert (await client.post("/mp/collect?api_secret=demo&measurement_id=G-1", google)).status == 204
    pixel = "writeKey=demo&event=signup&userId=ada&anonymousId=laptop&context.sessionId=7&context.traits.userId=ada"
    await client.request("GET", f"/pixel/v1/track?{pixel}")
    mixpanel = {"token": "demo", "$insert_id": "1", "$device_id": "laptop", "distinct_id": "$device:laptop", "plan": "pro"}
    assert (await client.post("/track?verbose=1", [{"event": "signup", "properties": mixpanel}])).status == 200
    assert b"laptop" not in b"".join(record.line for record in client.log.records)
    of_google, of_pixel, of_mixpanel = client.log.lines
    assert of_google["properties"] == {"engagement_time_msec": 5}
    assert of_pixel["context"] == {"traits.userId": _hash("ada")}
    assert of_mixpanel["properties"]["plan"] == "pro"


async def test_the_former_id_of_a_user_is_a_user() -> None:
    client = _client(hashed=("user_id",))
    body = {"batch": [{"type": "alias", "previousId": "old", "userId": "new", "messageId": "1"}], "writeKey": "demo"}
    assert (await client.post("/v1/batch", body)).status == 200
    line = client.log.lines[0]
    assert (line["visitor_id"], line["user_id"]) == (_hash("old"), _hash("new"))
    assert line["properties"]["previousId"] == _hash("old")


async def test_parameters_of_addresses_are_taken_out_wherever_an_address_stands() -> None:
    client = _client("query.email", hashed=("query.uid",))
    url = f"https://shop.example.com/a?Email={_MARK}&uid=7&utm_source=news#/x?%65mail={_MARK}"
    line = await client.line(
        {
            "page_url": url,
            "referrer": url,
            "properties": {"link": url, "deep": [{"link": url}]},
            "context": {"page": {"url": url}},
        }
    )
    clean = f"https://shop.example.com/a?uid={_hash('7')}&utm_source=news#/x"
    assert line["page_url"] == line["referrer"] == line["properties"]["link"] == clean
    assert line["properties"]["deep"] == [{"link": clean}]
    assert line["utm_source"] == "news"
    assert _MARK.encode() not in client.log.records[0].line


async def test_a_page_address_does_not_come_back_from_a_denied_property() -> None:
    line = await _client("properties.url", "page_url").line(
        {"event_type": "page_view", "properties": {"url": "https://example.com/?secret=1"}}
    )
    assert "page_url" not in line


async def test_without_the_address_nothing_named_for_it_is_stored() -> None:
    client = _client("ip")
    line = await client.line(
        {"properties": {"$ip": "203.0.113.9", "a": {"ip": "203.0.113.9"}}, "context": {"ip": "203.0.113.9"}}
    )
    assert "ip" not in line
    assert line["properties"] == {"a": {}}
    assert b"203.0" not in client.log.records[0].line


async def test_other_tenants_are_stored_as_they_send() -> None:
    client = _client("properties.email", "user_id")
    line = await client.line({"customer_id": "other", "user_id": _MARK, "properties": {"email": _MARK}})
    assert (line["user_id"], line["properties"]["email"]) == (_MARK, _MARK)


async def test_a_retry_under_an_idempotency_key_has_its_answer() -> None:
    client = _client(hashed=("user_id",))
    body = {"events": [{**EVENT, "user_id": _MARK}]}
    first = await client.post("/track/batch", body, idempotency_key="once")
    assert (await client.post("/track/batch", body, idempotency_key="once")).text == first.text
    assert len(client.log.records) == 1


async def test_a_rule_that_this_version_does_not_know_leaves_the_others() -> None:
    filtering = Filtering("ignore")
    filtering.settle([Tenant("demo", denied=("properties.email", "cookies.all"))])
    assert filtering.rules["demo"].applied(NativeEvent(user_id="u")).user_id == "u"


def test_an_object_that_cannot_be_read_is_left_for_acceptance_to_refuse() -> None:
    rules = FieldRules(["properties.a"], [], "")
    broken = msgspec.Raw(b'{"a":')
    assert rules.applied(NativeEvent(properties=broken)).properties is broken


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@given(_json, st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
def test_behind_a_denied_path_there_is_nothing(value: Any, path: list[str]) -> None:
    replace_at(value, path, lambda _: GONE)
    assert list(_at(value, path)) == []


def _at(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        for item in value:
            yield from _at(item, path)
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            yield value[path[0]]
        else:
            yield from _at(value[path[0]], path[1:])


@given(st.text(alphabet="abx?&#=;/ ", max_size=40))
def test_what_is_left_of_an_address_has_no_denied_parameter(text: str) -> None:
    made = with_parameters(text, lambda name, value: None if name == "x" else value)
    assert with_parameters(made, lambda name, _: "found" if name == "x" else None).count("found") == 0
