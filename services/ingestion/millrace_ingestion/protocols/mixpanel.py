"""Mixpanel's `/track` (a form, base64 or JSON) and `/import` (a list, or an event a line), for those who come from there.

The token is the key; `/import` has it as the user of HTTP Basic. `$insert_id` names the event. `$device_id` is the visitor, and
so is a `distinct_id` that begins with `$device:`; any other `distinct_id` is the user.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import DECODING_ERRORS, Moment, Name, Refused, Text, fields_of, read_one, split_list
from millrace_ingestion.protocols.wire import (
    Decoded,
    Reply,
    WireRequest,
    as_text,
    as_url,
    encode,
    failure,
    query_of,
    remarks,
    the_one_key,
    with_fields,
)
from millrace_ingestion.protocols.wrappings import unwrap
from millrace_ingestion.verdicts import Verdicts

_TYPES: Final[Mapping[str, str]] = {
    "$mp_web_page_view": "page_view",
    "$identify": "identify",
    "$create_alias": "alias",
    "$merge": "alias",
}
_ANONYMOUS: Final = "$device:"
_TEXT: Final = b"text/plain; charset=utf-8"


class _Item(msgspec.Struct, rename={"own_token": "$token", "own_id": "$distinct_id"}):
    event: Name = None
    properties: msgspec.Raw = NOT_SENT
    own_token: Any = None
    own_id: Any = None


class _Known(
    msgspec.Struct, rename=lambda name: name if name in ("token", "distinct_id", "time", "alias", "ip") else f"${name}"
):
    token: Any = None
    distinct_id: Any = None
    time: Moment = None
    alias: Any = None
    ip: Any = None
    insert_id: Any = None
    device_id: Any = None
    user_id: Any = None
    identified_id: Any = None
    anon_id: Any = None
    current_url: Any = None
    referrer: Any = None


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_known = msgspec.json.Decoder(_Known).decode


class Mixpanel:
    """The protocol. Operations: ``track``, ``import``, ``engage`` (what somebody is, in events named after the call)."""

    name = "mixpanel"
    needs_salt = False

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The events of a body, whose token they agree on."""
        texts = split_list(unwrap(request), request.limits)
        events: list[NativeEvent | Refused] = []
        keys = [request.basic_user() if request.operation == "import" else ""]
        for text in texts:
            item = read_one(text, _decode_item, request.limits, lambda _: None)
            event = item if isinstance(item, Refused) else _read(item, text, request, keys)
            events.append(event)
        return Decoded(Batch(events), [the_one_key(keys) or request.any_key()], "insert_id")

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:  # noqa: ARG002 -- of the protocol
        """`/import` says how many; `/track` says 1, or 0 where nothing was taken, in words with ``verbose``."""
        if request.operation == "import":
            told = {"code": 200, "num_records_imported": len(verdicts.records), "status": "OK"}
            return Reply(200, encode(told | {"failed_records": remarks(verdicts).get("errors", [])}))
        success = bool(verdicts.records) or not verdicts.errors
        if _is_verbose(request):
            reason = verdicts.reason.message if verdicts.reason else None
            return Reply(200, encode({"status": int(success), "error": reason, **remarks(verdicts)}))
        return Reply(200, b"1" if success else b"0", _TEXT)

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """``status`` and ``error`` as Mixpanel has them."""
        status = error.message if request.operation == "import" else 0
        return failure(request, error, wait, more={"status": status, "error": error.message})


MIXPANEL: Final = Mixpanel()


def _is_verbose(request: WireRequest) -> bool:
    """Whether the client wants an object for an answer: it says so in the query or, as Mixpanel's own SDKs do, in its form."""
    if request.query.get("verbose") == "1":
        return True
    return b"verbose=1" in request.body and query_of(request.body).get("verbose") == "1"


def _read(item: _Item, text: Text, request: WireRequest, keys: list[str]) -> NativeEvent | Refused:
    """The event of an item; its token is added to ``keys``."""
    if request.operation == "engage":
        keys.append(as_text(item.own_token))
        return _update(item, text)
    try:
        known = _decode_known(item.properties) if item.properties else _Known()
    except DECODING_ERRORS as error:
        return Refused(refusal_of(error, "properties"), None)
    keys.append(as_text(known.token))
    if not item.event:
        return Refused(InvalidInput("event is missing", code="missing_event_type"), as_text(known.insert_id) or None)
    visitor, user = _people(item.event, known)
    referrer = as_url(known.referrer)
    return NativeEvent(
        event_type=_TYPES.get(item.event, item.event),
        event_name=item.event,
        visitor_id=visitor,
        user_id=user,
        properties=item.properties,
        page_url=as_url(known.current_url),
        referrer="" if referrer == "$direct" else referrer,
        event_id=as_text(known.insert_id) or None,
        timestamp=known.time,
        context=msgspec.Raw(encode({"ip": known.ip}))
        if isinstance(known.ip, str) and known.ip not in ("0", "1", "")
        else NOT_SENT,
    )


def _update(item: _Item, text: Text) -> NativeEvent | Refused:
    """What somebody is: an event of its own, named as PostHog names it, so that nothing of it is lost."""
    distinct_id = as_text(item.own_id)
    if not distinct_id:
        return Refused(InvalidInput("$distinct_id is missing", code="missing_identity"), None)
    said = {name: value for name, value in fields_of(text).items() if name not in ("$token", "$distinct_id")}
    visitor, user = _people("$set", _Known(distinct_id=distinct_id))
    return NativeEvent(event_type="$set", visitor_id=visitor, user_id=user, properties=with_fields(NOT_SENT, said))


def _people(name: str, known: _Known) -> tuple[str, str]:
    """Visitor and user."""
    distinct_id, device = as_text(known.distinct_id), as_text(known.device_id)
    if name == "$identify":
        return _plain(as_text(known.anon_id)) or device, as_text(known.identified_id) or distinct_id
    if name in ("$create_alias", "$merge"):
        return distinct_id, as_text(known.alias)
    if distinct_id.startswith(_ANONYMOUS):
        return device or _plain(distinct_id), as_text(known.user_id)
    user = as_text(known.user_id) or ("" if distinct_id == device else distinct_id)
    return device or distinct_id, user


def _plain(distinct_id: str) -> str:
    return distinct_id.removeprefix(_ANONYMOUS)
