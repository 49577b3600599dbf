"""CloudEvents 1.0 over HTTP: structured, batched and binary.

`type` is the event type, `subject` the user, `source` and `id` together name the event. `data` becomes the properties, the
other attributes the context. The key is a bearer token, `X-API-Key`, the user of HTTP Basic or `?key=`.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from millrace_core.errors import InvalidInput, MillraceError
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import (
    BOM,
    DECODING_ERRORS,
    Moment,
    Name,
    Refused,
    Text,
    Url,
    fields_of,
    read_one,
    split_list,
)
from millrace_ingestion.protocols.wire import Decoded, Reply, WireRequest, encode, failure, remarks
from millrace_ingestion.verdicts import Verdicts

_VERSIONS: Final = frozenset({"1.0", "0.3"})


class _Item(msgspec.Struct):
    id: Name = None
    source: Url = None
    type: Name = None
    specversion: Name = None
    subject: Name = None
    time: Moment = None
    datacontenttype: Name = None
    data: msgspec.Raw = NOT_SENT


_decode_item = msgspec.json.Decoder(_Item).decode
_ATTRIBUTES: Final = frozenset(_Item.__struct_fields__)


class CloudEvents:
    """The protocol. Its one operation is ``events``."""

    name = "cloudevents"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The events, by the mode that headers and content type tell."""
        content_type = request.header(b"content-type").lower()
        if "cloudevents" not in content_type and b"ce-id" in request.headers:
            events: list[NativeEvent | Refused] = [_binary(request)]
        else:
            texts = split_list(request.body.removeprefix(BOM), request.limits)
            events = [_structured(text, request) for text in texts]
        return Decoded(Batch(events), [request.any_key()], "cloudevent", note=len(events) == 1)

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """200, or 400 where the one event that was sent is refused: a broker then sets it aside."""
        if decoded.note and verdicts.reason is not None:
            return self.failed(request, verdicts.reason, 0)
        success = bool(verdicts.records) or not verdicts.errors
        return Reply(200, encode({"success": success, "accepted": len(verdicts.records), **remarks(verdicts)}))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """As the tracking routes: the specification leaves it open."""
        return failure(request, error, wait)


CLOUDEVENTS: Final = CloudEvents()


def _structured(text: Text, request: WireRequest) -> NativeEvent | Refused:
    item = read_one(text, _decode_item, request.limits, lambda _: None)
    if isinstance(item, Refused):
        return item
    rest = {name: value for name, value in fields_of(text).items() if name not in _ATTRIBUTES}
    data = item.data
    if data is not NOT_SENT and bytes(data).lstrip()[:1] != b"{" and bytes(data) != b"null":
        data = msgspec.Raw(encode({"data": data}))
    elif data is NOT_SENT and "data_base64" in rest:
        data = msgspec.Raw(encode({"data_base64": rest.pop("data_base64")}))
    return _event_of(item, data, rest)


def _binary(request: WireRequest) -> NativeEvent | Refused:
    """Attributes are headers, percent-encoded (HTTP binding, 3.1.3.2); the body is the data."""
    told = {
        name[3:].decode("latin-1"): unquote(value.decode("latin-1"))
        for name, value in request.headers.items()
        if name.startswith(b"ce-")
    }
    content_type = request.header(b"content-type")
    item = read_one(encode({**told, "datacontenttype": content_type or None}), _decode_item, request.limits, lambda _: None)
    if isinstance(item, Refused):
        return item
    body = request.body.strip()
    try:
        data = _data(body, content_type)
    except DECODING_ERRORS as error:
        return Refused(refusal_of(error, "properties"), item.id)
    return _event_of(item, data, {name: value for name, value in told.items() if name not in _ATTRIBUTES})


def _data(body: bytes, content_type: str) -> msgspec.Raw:
    if not body:
        return NOT_SENT
    if body[:1] == b"{":
        return msgspec.Raw(body)
    is_json = "json" in content_type or not content_type
    return msgspec.Raw(encode({"data": msgspec.json.decode(body) if is_json else body.decode()}))


def _event_of(item: _Item, data: msgspec.Raw, rest: Mapping[str, Any]) -> NativeEvent | Refused:
    missing = next((name for name in ("id", "source", "type") if not getattr(item, name)), None)
    if missing is not None:
        return Refused(InvalidInput(f"{missing} is missing", code="invalid_event"), item.id)
    if item.specversion not in _VERSIONS:
        return Refused(InvalidInput("specversion has to be 1.0", code="invalid_event"), item.id)
    about = {"source": item.source, "datacontenttype": item.datacontenttype, **rest}
    return NativeEvent(
        event_type=item.type,
        user_id=item.subject,
        properties=data,
        event_id=f"{item.source}\0{item.id}",
        timestamp=item.time,
        context=msgspec.Raw(encode({"cloudevent": {name: value for name, value in about.items() if value is not None}})),
    )
