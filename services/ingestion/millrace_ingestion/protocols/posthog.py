"""PostHog's capture API, version 0: what its browser SDK, its servers' SDKs and its older endpoints take.

A body is an event, a list of events or an object with a list `batch`: JSON, base64, a form, compressed, or in the query.
The SDKs take 200 for stored and try 5xx again; the browser's drops what was answered 429, so every overload is 503. What else
its SDKs ask for (configuration, flags, recordings) is answered so that they stay quiet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError, Unauthorized
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import (
    DECODING_ERRORS,
    Identifier,
    Limits,
    Moment,
    Name,
    Refused,
    Text,
    check_count,
    outline_of,
    read_one,
    split_batch,
)
from millrace_ingestion.protocols.splitting import split_events
from millrace_ingestion.protocols.wire import (
    Decoded,
    Reply,
    WireRequest,
    as_text,
    as_url,
    client_id,
    encode,
    failure,
    is_overload,
    remarks,
    the_one_key,
    with_fields,
)
from millrace_ingestion.protocols.wrappings import unwrap
from millrace_ingestion.verdicts import Verdicts

TYPES: Final[Mapping[str, str]] = {
    "$pageview": "page_view",
    "$pageleave": "page_leave",
    "$screen": "screen_view",
    "$identify": "identify",
    "$create_alias": "alias",
    "$groupidentify": "group",
}
"""Event types of those names that say what others' names say, too; ``event_name`` keeps PostHog's."""
_NOT_EVENTS: Final = frozenset({"$snapshot", "$snapshot_items", "$performance_event"})  # recordings, which nobody keeps here
_LONGEST_DISTINCT_ID: Final = 200


class Item(
    msgspec.Struct,
    gc=False,
    rename={"set_": "$set", "set_once": "$set_once", "unset": "$unset", "own_token": "$token", "own_id": "$distinct_id"},
):
    """An event on the wire."""

    event: Name = None
    uuid: Identifier = None
    distinct_id: Any = None
    own_id: Any = None
    timestamp: Moment = None
    offset: Any = None
    properties: msgspec.Raw = NOT_SENT
    token: Any = None
    own_token: Any = None
    api_key: Any = None
    set_: msgspec.Raw = NOT_SENT
    set_once: msgspec.Raw = NOT_SENT
    unset: msgspec.Raw = NOT_SENT


class Known(
    msgspec.Struct,
    gc=False,
    rename=lambda name: name if name in ("token", "distinct_id", "alias") else f"${name}",
):
    """The properties that become columns."""

    token: Any = None
    distinct_id: Any = None
    alias: Any = None
    anon_distinct_id: Any = None
    device_id: Any = None
    session_id: Any = None
    is_identified: Any = None
    process_person_profile: Any = None
    current_url: Any = None
    pathname: Any = None
    referrer: Any = None
    insert_id: Any = None
    ip: Any = None
    raw_user_agent: Any = None


class _Envelope(msgspec.Struct):
    batch: list[Item]
    api_key: Any = None
    token: Any = None
    sent_at: Any = None


class _Split(msgspec.Struct):
    batch: list[msgspec.Raw]
    api_key: Any = None
    token: Any = None
    sent_at: Any = None


class _Outline(msgspec.Struct, rename={"own_token": "$token"}):
    batch: msgspec.Raw = NOT_SENT
    event: msgspec.Raw = NOT_SENT
    api_key: Any = None
    token: Any = None
    own_token: Any = None


class _OnlyId(msgspec.Struct):
    uuid: str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_split = msgspec.json.Decoder(_Split).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode
_decode_item = msgspec.json.Decoder(Item).decode
_decode_known = msgspec.json.Decoder(Known).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_NOTHING_KNOWN: Final = Known()

CONFIG: Final = {
    "supportedCompression": ["gzip-js"],
    "hasFeatureFlags": False,
    "analytics": {"endpoint": "/i/v0/e/"},
    "sessionRecording": False,
    "heatmaps": False,
    "autocaptureExceptions": False,
    "autocapture_opt_out": False,
    "capturePerformance": False,
    "siteApps": [],
}
"""What ``posthog-js`` reads at its start. Without ``supportedCompression`` it would send plain JSON, with a preflight each;
with ``surveys``, whatever they are, it would load a script for them."""


class PostHog:
    """The protocol. Operations: ``capture``, ``engage``, and the stubs."""

    name = "posthog"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:
        """What the SDKs ask for beside capturing."""
        match request.operation:
            case "config":
                return Reply(200, encode(CONFIG))
            case "script":
                return Reply(200, _config_script(request.arguments[0]), b"text/javascript; charset=utf-8")
            case "flags":
                return Reply(200, encode(_flags(request)))
            case "definitions":
                return Reply(200, encode({"flags": [], "group_type_mapping": {}, "cohorts": {}}))
            case "recordings":
                return Reply(200, b'{"status":1}')
            case _:
                return None

    def read(self, request: WireRequest) -> Decoded:
        """The events of a body, whose key they agree on."""
        envelope, items, is_single = _items(request)
        events: list[NativeEvent | Refused] = []
        keys = [shared := as_text(envelope.api_key) or as_text(envelope.token)]
        for item in items:
            if isinstance(item, Refused):
                events.append(item)
                continue
            known = _known(item)
            if isinstance(known, Known):
                keys.append(_key_of(item, _NOTHING_KNOWN if shared else known))  # a property `token` may be anything then
                if item.event not in _NOT_EVENTS:
                    events.append(event_of(item, known, request))
            else:
                keys.append(_key_of(item, _NOTHING_KNOWN))
                events.append(Refused(known, client_id(item.uuid)))
        key = the_one_key(keys) or request.query.get("token", "") or request.query.get("api_key", "") or request.bearer()
        return Decoded(Batch(events, envelope.sent_at), [public_key(key)], "insert_id", note=is_single)

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """200, or 204 for a beacon; 400 only where the one event that was sent is refused."""
        if request.query.get("beacon") == "1":
            return Reply(204)
        if decoded.note and verdicts.reason is not None:
            return self.failed(request, verdicts.reason, 0)
        return Reply(200, encode({"status": 1, **remarks(verdicts)}))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """503 in every overload; ``type`` and ``attr`` as PostHog's own errors have them."""
        kind = "authentication_error" if isinstance(error, Unauthorized) else "validation_error"
        more = {"type": "server_error" if is_overload(error) else kind, "attr": None}
        return failure(request, error, wait, status=503 if is_overload(error) else None, more=more)


POSTHOG: Final = PostHog()


def public_key(key: str) -> str:
    """The key, unless it is one that must not stand in a page.

    Raises:
        Unauthorized: it is a personal key.
    """
    if key.startswith("phx_"):
        raise Unauthorized("this is a personal API key: events are sent with a project's key", code="invalid_key")
    return key


def _items(request: WireRequest) -> tuple[_Envelope | _Split, Sequence[Item | Refused], bool]:
    """The envelope, the events, and whether the body was one event alone."""
    body, limits = unwrap(request), request.limits
    if body.lstrip()[:1] == b"[":
        body = b'{"batch":' + body + b"}"
    elif b'"batch"' not in body:
        return _alone(body, limits)
    if len(body) <= limits.event_bytes:  # so no event can be larger
        try:
            typed = _decode_envelope(body)
        except DECODING_ERRORS:
            pass
        else:
            check_count(len(typed.batch), limits)
            return typed, typed.batch, False
    if not _is_batch(body):
        return _alone(body, limits)
    texts, split = split_batch(body, _decode_split, "batch")
    check_count(len(texts), limits)
    return split, [read_one(text, _decode_item, limits, _id_of) for text in texts], False


def _alone(body: bytes, limits: Limits) -> tuple[_Envelope, Sequence[Item | Refused], bool]:
    item = read_one(body, _decode_item, limits, _id_of)
    if not isinstance(item, Refused):
        return _Envelope([]), [item], True
    if item.reason.code in ("invalid_json", "invalid_utf8"):
        raise item.reason
    outline = outline_of(body, _decode_outline) or _Outline()  # whose it is can be read, even so
    return _Envelope([], outline.api_key, as_text(outline.token) or outline.own_token), [item], True


def _is_batch(body: bytes) -> bool:
    """Whether a body with the word in it is a batch: an object with a list `batch` of its own, or at least no event."""
    outline = outline_of(body, _decode_outline)
    if outline is None:
        return split_events(body, "batch") is not None
    return bytes(memoryview(outline.batch)[:1]) == b"[" or (outline.batch is not NOT_SENT and outline.event is NOT_SENT)


def _known(item: Item) -> Known | InvalidInput:
    if item.properties is NOT_SENT or bytes(item.properties) == b"null":
        return _NOTHING_KNOWN
    try:
        return _decode_known(item.properties)
    except DECODING_ERRORS as error:
        return refusal_of(error, "properties")


def _key_of(item: Item, known: Known) -> str:
    return as_text(item.token) or as_text(item.own_token) or as_text(item.api_key) or as_text(known.token)


def event_of(item: Item, known: Known, request: WireRequest) -> NativeEvent | Refused:
    """An event as it is stored, whether its identity stands in it or in its properties."""
    name = item.event or ("$set" if request.operation == "engage" else "")
    distinct_id = as_text(item.distinct_id) or as_text(item.own_id) or as_text(known.distinct_id)
    if not name or not distinct_id:
        code = "missing_identity" if name else "missing_event_type"
        return Refused(InvalidInput(f"{'distinct_id' if name else 'event'} is missing", code=code), client_id(item.uuid))
    visitor, user = people(name, distinct_id[:_LONGEST_DISTINCT_ID], known)
    timestamp = item.timestamp
    if timestamp is None and isinstance(item.offset, int | float) and not isinstance(item.offset, bool):
        timestamp = request.received_at - item.offset
    referrer = as_url(known.referrer)
    return NativeEvent(
        event_type=TYPES.get(name, name),
        event_name=name,
        visitor_id=visitor,
        user_id=user,
        session_id=as_text(known.session_id),
        properties=_properties(item),
        page_url=as_url(known.current_url) or as_url(known.pathname),
        referrer="" if referrer == "$direct" else referrer,
        event_id=as_text(known.insert_id) or None if item.uuid is None else item.uuid,
        timestamp=timestamp,
        context=_context(known),
    )


def people(name: str, distinct_id: str, known: Known) -> tuple[str, str]:
    """Visitor and user. A browser's SDK names its device beside the person; a server's knows the person alone.

    All of PostHog's guides alias the id that was used so far (``distinct_id``) with the one of a signed-in user (``alias``).
    """
    device = as_text(known.device_id)
    if name == "$create_alias":
        return as_text(known.distinct_id) or distinct_id, as_text(known.alias)
    if name == "$identify":
        return device or as_text(known.anon_distinct_id), distinct_id
    if device:
        is_user = known.is_identified if isinstance(known.is_identified, bool) else distinct_id != device
        return device, distinct_id if is_user else ""
    return distinct_id, "" if known.process_person_profile is False else distinct_id


def _properties(item: Item) -> msgspec.Raw:
    """What it says, and what it sets of the person."""
    if item.set_ is item.set_once is item.unset is NOT_SENT:  # as nearly always: 0.1 µs instead of 0.7
        return item.properties
    return with_fields(item.properties, {"$set": item.set_, "$set_once": item.set_once, "$unset": item.unset})


def _context(known: Known) -> msgspec.Raw:
    """What a server's SDK says of the browser that it sends for."""
    if not known.ip:
        return NOT_SENT
    said = {"ip": known.ip, "userAgent": known.raw_user_agent}
    told = {name: value for name, value in said.items() if isinstance(value, str) and value}
    return msgspec.Raw(encode(told)) if told else NOT_SENT


def _config_script(token: str) -> bytes:
    """The configuration as a script, which the SDK tries first: a 404 would stand in the console of every page."""
    told = encode({token: {"config": CONFIG, "siteApps": []}})
    return b"window._POSTHOG_REMOTE_CONFIG=Object.assign(window._POSTHOG_REMOTE_CONFIG||{},%b);" % told


def _flags(request: WireRequest) -> dict[str, Any]:
    return {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "requestId": request.request_id,
        **CONFIG,
    }


def _id_of(text: Text) -> str | None:
    try:
        return _decode_id(text).uuid[:512]
    except DECODING_ERRORS:
        return None
