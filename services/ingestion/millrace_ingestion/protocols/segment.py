"""Segment's tracking API, as its server and browser SDKs speak it. RudderStack's SDKs speak it, too (``rudderstack``).

A server's SDK posts batches to ``/v1/batch``; a browser's posts single events to ``/v1/t`` and the other first letters of the
types, and reads its settings before. What counts as success differs (200, below 300, below 400), so the answer is 200.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import (
    BOM,
    DECODING_ERRORS,
    Identifier,
    Limits,
    Moment,
    Name,
    Refused,
    Text,
    check_count,
    read_one,
    split_batch,
)
from millrace_ingestion.protocols.wire import Decoded, Reply, WireRequest, encode, failure, is_overload, remarks, with_fields
from millrace_ingestion.verdicts import Verdicts

TYPES: Final = ("track", "identify", "page", "screen", "group", "alias")
"""The calls of the API."""
_KNOWN: Final = frozenset({*TYPES, "merge"})  # RudderStack's has one more


class Item(msgspec.Struct, rename="camel", gc=False):
    """An event on the wire: the fields of all calls."""

    type: Name = None
    message_id: Identifier = None
    timestamp: Moment = None
    original_timestamp: Moment = None
    sent_at: Moment = None
    user_id: Identifier = None
    anonymous_id: Identifier = None
    event: Name = None
    name: Name = None
    category: Name = None
    group_id: Identifier = None
    previous_id: Identifier = None
    merge_properties: msgspec.Raw = NOT_SENT
    properties: msgspec.Raw = NOT_SENT
    traits: msgspec.Raw = NOT_SENT
    context: msgspec.Raw = NOT_SENT
    write_key: Identifier = None


class _Typed(msgspec.Struct, rename="camel"):
    batch: list[Item]
    write_key: Any = None
    sent_at: Any = None
    context: msgspec.Raw = NOT_SENT


class _Split(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    write_key: Any = None
    sent_at: Any = None
    context: msgspec.Raw = NOT_SENT


class _OnlyId(msgspec.Struct, rename="camel"):
    message_id: str


class _Session(msgspec.Struct, rename="camel"):
    session_id: Identifier = None


_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_split = msgspec.json.Decoder(_Split).decode
_decode_item = msgspec.json.Decoder(Item).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_decode_session = msgspec.json.Decoder(_Session).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_LETTERS: Final = {name[0]: name for name in TYPES}


class Segment:
    """The protocol. Operations: ``batch``, the six calls and their first letters, ``settings``, ``metrics``."""

    name = "segment"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:
        """Settings for ``analytics-next``; its own metrics are taken and not kept."""
        if request.operation == "settings":
            return Reply(200, encode(_settings(request)))
        return Reply(200, b'{"success":true}') if request.operation == "metrics" else None

    def read(self, request: WireRequest) -> Decoded:
        """A batch, or the one event that the path names."""
        if request.operation in ("batch", "b"):
            return read_batch(request)
        return read_single(request, _LETTERS.get(request.operation, request.operation))

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:  # noqa: ARG002 -- of the protocol
        """200 for whatever could be read: a client that hears anything else drops the events beside a bad one, too."""
        success = bool(verdicts.records) or not verdicts.errors
        return Reply(200, encode({"success": success, **remarks(verdicts)}))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """429 in every overload: the SDKs wait as long as they are told then, and do not count it as one of their tries."""
        return failure(request, error, wait, status=429 if is_overload(error) else None)


SEGMENT: Final = Segment()


def read_batch(request: WireRequest) -> Decoded:
    """The events of a batch, whose key is that of HTTP Basic, of the body, or of the first event that has one."""
    body = request.body.removeprefix(BOM)
    envelope, items = _items(body, request.limits)
    context = _shared_context(envelope.context)
    key = request.basic_user() or _text(envelope.write_key)
    if not key:
        key = next((_text(item.write_key) for item in items if isinstance(item, Item) and item.write_key is not None), "")
    events = [item if isinstance(item, Refused) else event_of(item, item.type or "", context) for item in items]
    return Decoded(Batch(events, envelope.sent_at), [key], "message_id")


def read_single(request: WireRequest, call: str) -> Decoded:
    """The one event of a call. Its key is that of HTTP Basic, of the body, or ``?writeKey=``."""
    item = read_item(request.body.removeprefix(BOM), request.limits)
    key = request.basic_user() or request.query.get("writeKey", "")
    if isinstance(item, Refused):
        if item.reason.code == "invalid_json":
            raise item.reason
        return Decoded(Batch([item]), [key or _key_in(request.body)], "message_id")
    return Decoded(Batch([event_of(item, call, {})], item.sent_at), [key or _text(item.write_key)], "message_id")


def _items(body: bytes, limits: Limits) -> tuple[_Typed | _Split, Sequence[Item | Refused]]:
    if len(body) <= limits.event_bytes:  # so no event can be larger
        try:
            typed = _decode_typed(body)
        except DECODING_ERRORS:
            pass
        else:
            check_count(len(typed.batch), limits)
            return typed, typed.batch
    texts, split = split_batch(body, _decode_split, "batch")
    check_count(len(texts), limits)
    return split, [read_item(text, limits) for text in texts]


def read_item(text: Text, limits: Limits) -> Item | Refused:
    """One event's text."""
    return read_one(text, _decode_item, limits, _id_of)


def event_of(item: Item, call: str, shared: Mapping[str, msgspec.Raw]) -> NativeEvent | Refused:
    """An event of a call.

    Args:
        call: one of :data:`TYPES`; anything else is refused.
        shared: the batch's own context, whose entries an event's context overrides.
    """
    refusal = _refusal(item, call)
    if refusal is not None:
        return Refused(refusal, None if item.message_id is None else str(item.message_id)[:512])
    context = _merged(item.context, shared) if shared else item.context
    if call in ("identify", "group") and bytes(item.traits) in (b"", b"null", b"{}"):
        item.traits = _traits_of(context)
    event_type, name, properties = _said(item, call)
    return NativeEvent(
        event_type=event_type,
        event_name=name or None,
        visitor_id=item.previous_id if call == "alias" else item.anonymous_id,
        user_id=item.user_id,
        session_id=_session_of(context),
        properties=properties,
        event_id=item.message_id,
        timestamp=item.timestamp if item.original_timestamp is None else item.original_timestamp,
        context=context,
    )


def _refusal(item: Item, call: str) -> InvalidInput | None:
    if call not in _KNOWN:
        return InvalidInput(f"type has to be one of {', '.join(TYPES)}", code="unknown_type")
    if call == "track" and not item.event:
        return InvalidInput("event is missing", code="missing_event_type")
    if call == "alias" and item.previous_id in (None, ""):
        return InvalidInput("previousId is missing", code="missing_identity")
    if item.user_id in (None, "") and (call == "alias" or item.anonymous_id in (None, "")):
        return InvalidInput("one of userId and anonymousId is needed", code="missing_identity")
    return None


def _said(item: Item, call: str) -> tuple[str, str | None, msgspec.Raw]:
    """Event type, name and properties. What somebody is (traits) are the properties of the event that says so."""
    match call:
        case "track":
            return item.event or "", None, item.properties
        case "page":
            return "page_view", item.name, with_fields(item.properties, {"category": item.category})
        case "screen":
            return "screen_view", item.name, with_fields(item.properties, {"category": item.category})
        case "identify":
            return call, None, item.traits
        case "group":
            return call, None, with_fields(item.traits, {"groupId": item.group_id})
        case "merge":
            return call, None, with_fields(item.properties, {"mergeProperties": item.merge_properties})
        case _:  # alias
            return call, None, with_fields(item.properties, {"previousId": item.previous_id})


def _session_of(context: msgspec.Raw) -> Identifier:
    """``context.sessionId``, which RudderStack's browser SDK fills."""
    if context is NOT_SENT:
        return None
    try:
        return _decode_session(context).session_id
    except DECODING_ERRORS:  # acceptance says what is wrong with the context; a session of another type is none
        return None


def _traits_of(context: msgspec.Raw) -> msgspec.Raw:
    """``context.traits``, where RudderStack's SDKs put them."""
    if b'"traits"' not in bytes(context):
        return NOT_SENT
    try:
        return _decode_object(context).get("traits", NOT_SENT)
    except DECODING_ERRORS:  # acceptance says what is wrong with the context
        return NOT_SENT


def _shared_context(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    if bytes(raw).strip() in (b"", b"{}", b"null"):
        return {}
    try:
        return _decode_object(raw)
    except DECODING_ERRORS as error:
        raise refusal_of(error, "context") from error


def _merged(own: msgspec.Raw, shared: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    try:
        said = _decode_object(own) if bytes(own).strip() not in (b"", b"null") else {}
    except DECODING_ERRORS:
        return own  # acceptance refuses it
    return msgspec.Raw(encode({**shared, **said}))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id_of(text: Text) -> str | None:
    try:
        return _decode_id(text).message_id[:512]
    except DECODING_ERRORS:
        return None


class _OnlyKey(msgspec.Struct, rename="camel"):
    write_key: str = ""


_decode_key = msgspec.json.Decoder(_OnlyKey).decode


def _key_in(body: bytes) -> str:
    """The write key of an event that cannot be read whole."""
    try:
        return _decode_key(body).write_key
    except DECODING_ERRORS:
        return ""


def _settings(request: WireRequest) -> dict[str, Any]:
    """What ``analytics-next`` needs to send here and nowhere else: without ``metrics`` it would report to Segment."""
    key = request.arguments[0]
    scheme = request.header(b"x-forwarded-proto").partition(",")[0].strip() or "http"
    host = request.header(b"host")
    return {
        "integrations": {
            "Segment.io": {"apiKey": key, "apiHost": f"{host}/v1", "protocol": scheme, "retryQueue": True},
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "metrics": {"sampleRate": 0},
    }
