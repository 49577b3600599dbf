"""Amplitude's `/2/httpapi` and `/batch`, for those who come from there.

`api_key` is the key, `insert_id` names the event, `device_id` is the visitor. What else an event says of its device is kept in
the context.
"""

from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import (
    BOM,
    DECODING_ERRORS,
    Identifier,
    Moment,
    Name,
    Refused,
    Text,
    check_count,
    fields_of,
    read_one,
    split_batch,
)
from millrace_ingestion.protocols.wire import (
    Decoded,
    Reply,
    WireRequest,
    as_text,
    as_url,
    encode,
    failure,
    remarks,
    with_fields,
)
from millrace_ingestion.verdicts import Verdicts
from millrace_web.errors import status_of

_TYPES: Final = {
    "[Amplitude] Page Viewed": "page_view",
    "$identify": "identify",
    "$groupidentify": "group",
    "session_start": "session_start",
    "session_end": "session_end",
}
_REMOTE: Final = "$remote"
"""An `ip` that means the address of whoever sends."""


class _Item(msgspec.Struct):
    event_type: Name = None
    user_id: Identifier = None
    device_id: Identifier = None
    time: Moment = None
    insert_id: Identifier = None
    session_id: Identifier = None
    event_properties: msgspec.Raw = NOT_SENT
    user_properties: msgspec.Raw = NOT_SENT
    groups: msgspec.Raw = NOT_SENT
    group_properties: msgspec.Raw = NOT_SENT


class _Envelope(msgspec.Struct):
    events: list[msgspec.Raw]
    api_key: Any = None
    client_upload_time: Any = None


class _Known(msgspec.Struct, rename=lambda name: f"[Amplitude] {name.replace('_', ' ').title().replace('Url', 'URL')}"):
    page_url: Any = None
    page_location: Any = None


class _OnlyId(msgspec.Struct):
    insert_id: str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_known = msgspec.json.Decoder(_Known).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_ITS_OWN: Final = frozenset(_Item.__struct_fields__)


class Amplitude:
    """The protocol. Its one operation is ``events``."""

    name = "amplitude"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The events of a body."""
        texts, envelope = split_batch(request.body.removeprefix(BOM), _decode_envelope, "events")
        check_count(len(texts), request.limits)
        events = [_event_of(text, request) for text in texts]
        return Decoded(Batch(events, envelope.client_upload_time), [as_text(envelope.api_key)], "insert_id")

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:  # noqa: ARG002 -- of the protocol
        """How many were taken; what was not is said, and does not keep the others out."""
        told = {
            "code": 200,
            "events_ingested": len(verdicts.records),
            "payload_size_bytes": len(request.body),
            "server_upload_time": request.received_at,
        }
        return Reply(200, encode(told | remarks(verdicts)))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """``code`` is the status here, and ``error`` the message."""
        return failure(request, error, wait, more={"code": status_of(error), "error": error.message, "reason": error.code})


AMPLITUDE: Final = Amplitude()


def _event_of(text: Text, request: WireRequest) -> NativeEvent | Refused:
    item = read_one(text, _decode_item, request.limits, _id_of)
    if isinstance(item, Refused):
        return item
    refusal = _refusal(item)
    if refusal is not None:
        return Refused(refusal, as_text(item.insert_id) or None)
    try:
        known = _decode_known(item.event_properties) if item.event_properties else _Known()
    except DECODING_ERRORS as error:
        return Refused(refusal_of(error, "properties"), as_text(item.insert_id) or None)
    about = {"user_properties": item.user_properties, "groups": item.groups, "group_properties": item.group_properties}
    return NativeEvent(
        event_type=_TYPES.get(item.event_type or "", item.event_type),
        event_name=item.event_type,
        visitor_id=item.device_id,
        user_id=item.user_id,
        session_id=None if item.session_id in (-1, "-1") else item.session_id,
        properties=with_fields(item.event_properties, about),
        page_url=as_url(known.page_location) or as_url(known.page_url),
        event_id=item.insert_id,
        timestamp=item.time,
        context=_context(text),
    )


def _refusal(item: _Item) -> InvalidInput | None:
    if not item.event_type:
        return InvalidInput("event_type is missing", code="missing_event_type")
    if item.user_id in (None, "") and item.device_id in (None, ""):
        return InvalidInput("one of user_id and device_id is needed", code="missing_identity")
    return None


def _context(text: Text) -> msgspec.Raw:
    """What the event says beside itself, under Amplitude's names and, where there is one, ours."""
    said = {name: value for name, value in fields_of(text).items() if name not in _ITS_OWN}
    if said.get("ip") is not None and bytes(said["ip"]) == encode(_REMOTE):
        del said["ip"]
    if "user_agent" in said:
        said["userAgent"] = said["user_agent"]
    if "language" in said:
        said["locale"] = said["language"]
    return msgspec.Raw(encode(said)) if said else NOT_SENT


def _id_of(text: Text) -> str | None:
    try:
        return _decode_id(text).insert_id[:512]
    except DECODING_ERRORS:
        return None
