"""The Measurement Protocol of Google Analytics 4.

`api_secret` is the key. Its clients are told 204 whatever their events are, as Google does; `/debug/mp/collect` says what is
wrong and stores nothing. `client_id` (or `app_instance_id`) is the visitor.
"""

from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError, TooLarge
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import (
    BOM,
    DECODING_ERRORS,
    Identifier,
    Name,
    Refused,
    check_count,
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
    with_fields,
)
from millrace_ingestion.verdicts import Verdicts

_MOST_EVENTS: Final = 25
_MOST_PARAMETERS: Final = 25
_LONGEST_NAME: Final = 40


class _Item(msgspec.Struct):
    name: Name = None
    params: msgspec.Raw = NOT_SENT
    timestamp_micros: int | str | None = None


class _Envelope(msgspec.Struct):
    events: list[msgspec.Raw]
    client_id: Identifier = None
    app_instance_id: Identifier = None
    user_id: Identifier = None
    timestamp_micros: int | str | None = None
    user_properties: msgspec.Raw = NOT_SENT
    consent: msgspec.Raw = NOT_SENT


class _Known(msgspec.Struct):
    session_id: Any = None
    page_location: Any = None
    page_referrer: Any = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_known = msgspec.json.Decoder(_Known).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class GoogleAnalytics:
    """The protocol. Operations: ``collect``, ``debug``."""

    name = "ga4"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:
        """What is wrong with a request, without storing it."""
        if request.operation != "debug":
            return None
        try:
            problems = _problems(request)
        except InvalidInput as error:
            problems = [_problem("body", error.message, "VALUE_INVALID")]
        return Reply(200, encode({"validationMessages": problems}))

    def read(self, request: WireRequest) -> Decoded:
        """The events of a body."""
        envelope, events = _read(request)
        made = [event if isinstance(event, Refused) else _event_of(event, envelope) for event in events]
        return Decoded(Batch(made), [request.query.get("api_secret", "")])

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:  # noqa: ARG002 -- of the protocol
        """204."""
        return Reply(204)

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """204 for what can never be read; the truth where the key is wrong, there is too much, or it is worth trying again."""
        if isinstance(error, InvalidInput) and not isinstance(error, TooLarge):
            return Reply(204)
        return failure(request, error, wait)


GA4: Final = GoogleAnalytics()


def _read(request: WireRequest) -> tuple[_Envelope, list[_Item | Refused]]:
    texts, envelope = split_batch(request.body.removeprefix(BOM), _decode_envelope, "events")
    check_count(len(texts), request.limits)
    return envelope, [read_one(text, _decode_item, request.limits, lambda _: None) for text in texts]


def _event_of(item: _Item, envelope: _Envelope) -> NativeEvent | Refused:
    if not item.name:
        return Refused(InvalidInput("name is missing", code="missing_event_type"), None)
    try:
        known = _decode_known(item.params) if item.params else _Known()
    except DECODING_ERRORS as error:
        return Refused(refusal_of(error, "properties"), None)
    micros = item.timestamp_micros if item.timestamp_micros is not None else envelope.timestamp_micros
    about = {"user_properties": envelope.user_properties, "consent": envelope.consent}
    return NativeEvent(
        event_type=item.name,
        visitor_id=envelope.client_id if envelope.client_id is not None else envelope.app_instance_id,
        user_id=envelope.user_id,
        session_id=as_text(known.session_id),
        properties=with_fields(item.params, about),
        page_url=as_url(known.page_location),
        referrer=as_url(known.page_referrer),
        timestamp=_milliseconds(micros),
    )


def _milliseconds(micros: int | str | None) -> int | str | None:
    """From microseconds; what is no number is left for acceptance to refuse."""
    if isinstance(micros, str):
        return int(micros) // 1000 if micros.isascii() and micros.isdigit() and len(micros) < 20 else micros[:64]
    return None if micros is None else micros // 1000


def _problems(request: WireRequest) -> list[dict[str, str]]:
    envelope, items = _read(request)
    found = []
    if not request.query.get("measurement_id") and not request.query.get("firebase_app_id"):
        found.append(_problem("measurement_id", "measurement_id or firebase_app_id is needed", "VALUE_REQUIRED"))
    if not request.query.get("api_secret"):
        found.append(_problem("api_secret", "api_secret is needed", "VALUE_REQUIRED"))
    if envelope.client_id is None and envelope.app_instance_id is None:
        found.append(_problem("client_id", "client_id or app_instance_id is needed", "VALUE_REQUIRED"))
    if len(items) > _MOST_EVENTS:
        found.append(_problem("events", f"there may be {_MOST_EVENTS} events at most", "EXCEEDED_MAX_ENTITIES"))
    for number, item in enumerate(items):
        found += _problems_of(item, f"events[{number}]")
    return found


def _problems_of(item: _Item | Refused, at: str) -> list[dict[str, str]]:
    if isinstance(item, Refused):
        return [_problem(at, item.reason.message, "VALUE_INVALID")]
    found = []
    if not item.name:
        found.append(_problem(f"{at}.name", "name is needed", "VALUE_REQUIRED"))
    elif len(item.name) > _LONGEST_NAME:
        found.append(_problem(f"{at}.name", f"a name has {_LONGEST_NAME} characters at most", "NAME_INVALID"))
    try:
        if item.params and len(_decode_object(item.params)) > _MOST_PARAMETERS:
            found.append(_problem(f"{at}.params", f"there may be {_MOST_PARAMETERS} at most", "EXCEEDED_MAX_ENTITIES"))
    except DECODING_ERRORS:
        found.append(_problem(f"{at}.params", "params is no object", "VALUE_INVALID"))
    return found


def _problem(path: str, description: str, code: str) -> dict[str, str]:
    return {"fieldPath": path, "description": description, "validationCode": code}
