"""The wire formats of other people's SDKs, each as a way to post a batch: what the hostile tests send through all of them."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

KEY: Final = "demo"
"""Servers without keys take whatever could be a tenant's name for one."""
_MOMENT: Final = "2026-02-16T11:59:58.500Z"
_PAGE: Final = "https://x.example/a"


@dataclass(frozen=True, slots=True)
class Wire:
    """One format. Its key stands in the path, the headers, the envelope or the events."""

    name: str
    path: Callable[[str], str]
    event: Callable[[int, str], dict[str, Any]]
    """A good one by its number and key."""
    envelope: Callable[[str, bytes], bytes]
    """The body of a key and the events' texts, which have commas between them."""
    error_fields: tuple[str, ...]
    """What an answer that is no success has for its SDKs."""
    headers: Callable[[str], dict[str, str]] = lambda _: {}
    takes_batches: bool = True
    hides_refusals: bool = False
    """Whether it answers 204 to what can never be read."""

    def text(self, number: int, key: str = KEY) -> bytes:
        """A good event's."""
        return json.dumps(self.event(number, key)).encode()

    def body(self, events: Sequence[bytes], key: str = KEY) -> bytes:
        """A request's, of these events' texts."""
        return self.envelope(key, b",".join(events))


def _object(key_field: str, events_field: str) -> Callable[[str, bytes], bytes]:
    return lambda key, events: b'{%b"%b":[%b]}' % (_named(key_field, key), events_field.encode(), events)


def _named(field: str, key: str) -> bytes:
    return b'"%b":%b,' % (field.encode(), json.dumps(key).encode()) if field and key else b""


def _list(_: str, events: bytes) -> bytes:
    return b"[" + events + b"]"


def _alone(_: str, events: bytes) -> bytes:
    return events


def _basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()} if key else {}


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _segment(number: int, _: str) -> dict[str, Any]:
    context = {"page": {"url": _PAGE}, "campaign": {"source": "news"}, "sessionId": 1, "traits": {"plan": "pro"}}
    who = {"userId": "u1", "anonymousId": f"a{number}", "messageId": f"m{number}"}
    said = {"event": "Signup", "properties": {"number": number}, "context": context, "timestamp": _MOMENT}
    return {"type": "track", **who, **said}


def _posthog(number: int, _: str) -> dict[str, Any]:
    said = {"number": number, "$current_url": _PAGE, "$session_id": "s", "$device_id": "d", "$referrer": "$direct"}
    named = {"uuid": f"0190163d-8694-7abc-8000-{number:012d}", "distinct_id": f"u{number}"}
    return {"event": "Signup", **named, "timestamp": _MOMENT, "properties": said, "$set": {"plan": "pro"}}


def _posthog_v1(number: int, key: str) -> dict[str, Any]:
    made = _posthog(number, key)
    del made["$set"]
    return {**made, "session_id": "s", "window_id": "w", "options": {"process_person_profile": True}}


def _mixpanel(number: int, key: str) -> dict[str, Any]:
    said = {"distinct_id": f"u{number}", "time": 1771243198, "$insert_id": f"i{number}", "$current_url": _PAGE}
    return {"event": "Signup", "properties": {"token": key, **said, "number": number}}


def _amplitude(number: int, _: str) -> dict[str, Any]:
    who = {"user_id": "u1", "device_id": f"d{number}", "insert_id": f"i{number}", "session_id": 1771243000000}
    said = {"event_properties": {"number": number}, "user_properties": {"plan": "pro"}, "groups": {"company": "c"}}
    return {"event_type": "Signup", **who, **said, "time": 1771243198500, "language": "de-AT", "ip": "$remote"}


def _cloudevent(number: int, _: str) -> dict[str, Any]:
    named = {"specversion": "1.0", "id": str(number), "source": "/orders", "type": "Signup"}
    return {**named, "subject": "u1", "time": _MOMENT, "datacontenttype": "application/json", "data": {"number": number}}


def _umami(number: int, key: str) -> dict[str, Any]:
    page = {"hostname": "x.example", "url": "/a", "title": "A", "screen": "1920x1080", "language": "de-AT", "referrer": ""}
    return {"type": "event", "payload": {"website": key, "name": "Signup", **page, "data": {"number": number}}}


def _plausible(number: int, key: str) -> dict[str, Any]:
    return {"n": "Signup", "u": _PAGE, "d": key, "r": "https://y.example/", "p": {"number": number}, "h": 0, "i": True}


def _ga4(number: int, _: str) -> dict[str, Any]:
    return {"name": "signup", "params": {"number": number, "session_id": 1, "page_location": _PAGE}}


def _beacon(key: str) -> str:
    return f"/beacon/v1/batch?writeKey={quote(key)}"


def _collect(key: str) -> str:
    return f"/mp/collect?measurement_id=G-1&api_secret={quote(key)}"


def _of_google(_: str, events: bytes) -> bytes:
    return b'{"client_id":"c.1","user_id":"u1","events":[%b]}' % events


WIRES: Final[Mapping[str, Wire]] = {
    wire.name: wire
    for wire in (
        Wire("segment", lambda _: "/v1/batch", _segment, _object("writeKey", "batch"), ("code", "message")),
        Wire("rudderstack", _beacon, _segment, _object("", "batch"), ("code", "message")),
        Wire("posthog", lambda _: "/batch/", _posthog, _object("api_key", "batch"), ("type", "code", "detail")),
        Wire(
            "posthog_v1",
            lambda _: "/i/v1/analytics/events",
            _posthog_v1,
            _object("", "batch"),
            ("error", "error_description"),
            headers=_bearer,
        ),
        Wire("umami", lambda _: "/api/batch", _umami, _list, ("code", "message")),
        Wire("plausible", lambda _: "/api/event", _plausible, _alone, ("errors", "code"), takes_batches=False),
        Wire("cloudevents", lambda _: "/cloudevents", _cloudevent, _list, ("code", "message"), headers=_bearer),
        Wire("mixpanel", lambda _: "/compat/mixpanel/track", _mixpanel, _list, ("status", "error")),
        Wire("mixpanel import", lambda _: "/import", _mixpanel, _list, ("status", "error", "code"), headers=_basic),
        Wire("amplitude", lambda _: "/2/httpapi", _amplitude, _object("api_key", "events"), ("code", "error")),
        Wire(
            "ga4",
            _collect,
            _ga4,
            _of_google,
            ("code", "message"),
            hides_refusals=True,
        ),
    )
}
BATCHED: Final = [wire for wire in WIRES.values() if wire.takes_batches]
