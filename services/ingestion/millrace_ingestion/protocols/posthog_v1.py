"""PostHog's capture API, version 1: a verdict for each event, by its `uuid`.

The key is a bearer token. `ok` and `warning` are stored, `drop` never will be. Where nothing could be stored the whole request
is 503 with `Retry-After`; 429 would make the SDKs give up.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError, Unauthorized
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols import posthog
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
    read_one,
    split_batch,
)
from millrace_ingestion.protocols.wire import (
    Decoded,
    HeaderList,
    Reply,
    WireRequest,
    as_text,
    client_id,
    encode,
    failure,
    is_overload,
    with_fields,
)
from millrace_ingestion.verdicts import Verdicts


class _Options(msgspec.Struct):
    process_person_profile: Any = None


class _Item(msgspec.Struct, gc=False):
    event: Name = None
    uuid: Identifier = None
    distinct_id: Any = None
    timestamp: Moment = None
    session_id: Any = None
    window_id: Any = None
    options: _Options | None = None
    properties: msgspec.Raw = NOT_SENT


class _Envelope(msgspec.Struct):
    batch: list[msgspec.Raw]


class _OnlyId(msgspec.Struct):
    uuid: str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_known = msgspec.json.Decoder(posthog.Known).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode


class PostHogV1:
    """The protocol. Its one operation is ``events``."""

    name = "posthog_v1"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The events of a batch."""
        key = request.bearer()
        if not key:
            raise Unauthorized("the project's key is missing: Authorization: Bearer …")
        texts, _ = split_batch(request.body.removeprefix(BOM), _decode_envelope, "batch")
        check_count(len(texts), request.limits)
        items = [read_one(text, _decode_item, request.limits, _id_of) for text in texts]
        events = [item if isinstance(item, Refused) else _event_of(item, request) for item in items]
        uuids = [item.event_id if isinstance(item, Refused) else client_id(item.uuid) for item in items]
        sent_at = request.header(b"posthog-request-timestamp") or None
        return Decoded(Batch(events, sent_at), [posthog.public_key(key)], "uuid", note=uuids)

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """A result for each uuid."""
        uuids: Sequence[str | None] = decoded.note
        results: dict[str, dict[str, str]] = {uuid: {"result": "ok"} for uuid in uuids if uuid}
        for remark, result in [(each, "warning") for each in verdicts.warnings] + [(each, "drop") for each in verdicts.errors]:
            uuid = uuids[remark.index]
            if uuid:
                results[uuid] = {"result": result, "details": f"{remark.code}: {remark.message}"}
        return Reply(200, encode({"results": results}), headers=_echo(request))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """``error`` is the code here."""
        more = {"error": error.code, "error_description": error.message, "error_uri": None}
        reply = failure(request, error, wait, status=503 if is_overload(error) else None, more=more)
        reply.headers += _echo(request)
        return reply


POSTHOG_V1: Final = PostHogV1()


def _event_of(item: _Item, request: WireRequest) -> NativeEvent | Refused:
    library, _, version = request.header(b"posthog-sdk-info").partition("/")
    properties = with_fields(
        item.properties, {"$lib": library[:64], "$lib_version": version[:64], "$window_id": item.window_id}
    )
    try:
        known = _decode_known(properties) if properties not in (b"", b"null") else posthog.Known()
    except DECODING_ERRORS as error:
        return Refused(refusal_of(error, "properties"), client_id(item.uuid))
    if item.session_id is not None:
        known.session_id = item.session_id
    if item.options is not None:
        known.process_person_profile = item.options.process_person_profile
    if not as_text(item.distinct_id):
        return Refused(InvalidInput("distinct_id is missing", code="missing_identity"), client_id(item.uuid))
    same = posthog.Item(
        event=item.event, uuid=item.uuid, distinct_id=item.distinct_id, timestamp=item.timestamp, properties=properties
    )
    return posthog.event_of(same, known, request)


def _echo(request: WireRequest) -> HeaderList:
    given = request.header(b"posthog-request-id")
    return [(b"posthog-request-id", given[:128].encode("latin-1"))] if given.isprintable() and given else []


def _id_of(text: Text) -> str | None:
    try:
        return _decode_id(text).uuid[:512]
    except DECODING_ERRORS:
        return None
