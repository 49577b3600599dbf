"""Umami's `/api/send` and `/api/batch`. `website` (or the id of a link or a pixel) is the key.

Nothing names the visitor but, where the page says it, `id`: the visitor is a hash of site, address and user agent that lasts
a day. The tracker never tries again; it stops for good where an answer says `disabled`, as that to a wrong key does.
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from millrace_core.errors import Forbidden, InvalidInput, MillraceError, Unauthorized
from millrace_ingestion.enrich.cookieless import visitor_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import BOM, Identifier, Moment, Name, Refused, Url, read_one, split_list
from millrace_ingestion.protocols.wire import Decoded, Reply, WireRequest, as_text, encode, failure, remarks, with_fields
from millrace_ingestion.verdicts import Verdicts

_HOUR_MS: Final = 3_600_000


class _Payload(msgspec.Struct, rename="camel"):
    website: Identifier = None
    link: Identifier = None
    pixel: Identifier = None
    hostname: Name = None
    language: Name = None
    referrer: Url = None
    screen: Name = None
    title: Any = None
    url: Url = None
    name: Name = None
    data: msgspec.Raw = NOT_SENT
    tag: Any = None
    id: Identifier = None
    timestamp: Moment = None
    ip: Name = None
    user_agent: Any = None
    lcp: Any = None
    inp: Any = None
    cls: Any = None
    fcp: Any = None
    ttfb: Any = None


class _Item(msgspec.Struct):
    type: Name = None
    payload: _Payload | None = None


_decode_item = msgspec.json.Decoder(_Item).decode


class Umami:
    """The protocol. Operations: ``send``, ``batch``."""

    name = "umami"
    needs_salt = True

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The event of a body, or the list of them."""
        body = request.body.removeprefix(BOM)
        texts = split_list(body, request.limits) if request.operation == "batch" else [body]
        items = [read_one(text, _decode_item, request.limits, lambda _: None) for text in texts]
        if request.operation == "send" and isinstance(items[0], Refused):
            raise items[0].reason
        events = [item if isinstance(item, Refused) else _event_of(item, request) for item in items]
        keys = [_key_of(item) for item in items]
        fallback = next((key for key in keys if key), "")  # what cannot be read is counted with its neighbours
        return Decoded(Batch(events), [key or fallback for key in keys] or [fallback], note=_visit(items, request))

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """The ids of session and visit, and as ``cache`` the first, which the tracker sends back."""
        if verdicts.reason is not None and not verdicts.records:
            return self.failed(request, verdicts.reason, 0)
        session, visit = decoded.note
        if request.operation == "send":
            return Reply(200, encode({"cache": session, "sessionId": session, "visitId": visit}))
        counts = {"size": len(decoded.batch.events), "processed": len(verdicts.records), "errors": len(verdicts.errors)}
        return Reply(200, encode({**counts, "details": remarks(verdicts).get("errors", []), "cache": session}))

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """A tracker whose key nobody gave out stops asking."""
        more = {"disabled": True} if isinstance(error, Unauthorized | Forbidden) else {}
        return failure(request, error, wait, more=more)


UMAMI: Final = Umami()


def _key_of(item: _Item | Refused) -> str:
    if isinstance(item, Refused) or item.payload is None:
        return ""
    return as_text(item.payload.website) or as_text(item.payload.link) or as_text(item.payload.pixel)


def _visitor(item: _Item, request: WireRequest, extra: str = "") -> str:
    payload = item.payload
    agent = (as_text(payload.user_agent) if payload else "") or request.header(b"user-agent")
    address = (payload.ip if payload else "") or request.address
    return visitor_of(request.salt, _key_of(item) + extra, address, agent)


def _visit(items: Sequence[_Item | Refused], request: WireRequest) -> tuple[str, str]:
    """Ids of session and visit (an hour of it), as Umami answers them."""
    first = next((item for item in items if isinstance(item, _Item)), _Item())
    return _visitor(first, request), _visitor(first, request, f"\0{request.received_at // _HOUR_MS}")


def _event_of(item: _Item, request: WireRequest) -> NativeEvent | Refused:
    payload = item.payload
    if payload is None:
        return Refused(InvalidInput("payload is missing", code="invalid_event"), None)
    match item.type:
        case "event":
            event_type = payload.name or "page_view"
        case "identify" | "performance":
            event_type = item.type
        case _:
            return Refused(InvalidInput("type has to be event, identify or performance", code="unknown_type"), None)
    said = {"title": _title(payload.title), "screen": payload.screen, "tag": payload.tag}
    said |= {name: getattr(payload, name) for name in ("lcp", "inp", "cls", "fcp", "ttfb")}
    url = _as_in_the_page(payload.url)
    return NativeEvent(
        event_type=event_type,
        visitor_id=_visitor(item, request),
        user_id=payload.id,
        session_id=_visitor(item, request, f"\0{request.received_at // _HOUR_MS}"),
        properties=with_fields(payload.data, said),
        page_url=f"https://{payload.hostname}{url}" if payload.hostname and url.startswith("/") else url,
        referrer=_as_in_the_page(payload.referrer),
        timestamp=payload.timestamp,
        context=_context(payload),
    )


_ENCODED_AGAIN: Final = re.compile(r"%25(?=[0-9A-Fa-f]{2})")


def _as_in_the_page(address: str | None) -> str:
    """Trackers before version 2.18 encode an address that is encoded already."""
    return _ENCODED_AGAIN.sub("%", address or "")


def _title(given: Any) -> Any:
    """They encode the title, too; Umami's own server decodes whatever it gets, and so do we."""
    if not isinstance(given, str) or "%" not in given:
        return given
    try:
        return unquote(given, errors="strict")
    except UnicodeDecodeError:
        return given


def _context(payload: _Payload) -> msgspec.Raw:
    """What a server says of the browser that it sends for, and the page's language, which is better than the header's."""
    said = {"ip": payload.ip, "userAgent": payload.user_agent, "locale": payload.language}
    told = {name: value for name, value in said.items() if isinstance(value, str) and value}
    return msgspec.Raw(encode(told)) if told else NOT_SENT
