"""Plausible's `/api/event`, with the long names of its API or the short ones of its trackers.

`domain` is the key; a list with commas stores the event for each. Nothing names the visitor: the id is a hash of site, address
and user agent that lasts a day. The tracker never tries again, and tells its caller the status only.
"""

from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput, MillraceError
from millrace_ingestion.enrich.cookieless import visitor_of
from millrace_ingestion.enrich.pages import page_of
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import BOM, DECODING_ERRORS, Name, Refused, Url, read_one
from millrace_ingestion.protocols.wire import Decoded, Reply, WireRequest, encode, failure
from millrace_ingestion.verdicts import Verdicts

_MOST_DOMAINS: Final = 16
_TYPES: Final = {"pageview": "page_view"}


class _Item(
    msgspec.Struct,
    rename={
        "short_name": "n",
        "short_url": "u",
        "short_domain": "d",
        "short_referrer": "r",
        "short_revenue": "$",
        "hash_mode": "hashMode",
    },
):
    """An event on the wire: each field under its long and its short name."""

    name: Name = None
    short_name: Name = None
    url: Url = None
    short_url: Url = None
    domain: Url = None
    short_domain: Url = None
    referrer: Url = None
    short_referrer: Url = None
    props: Any = None
    p: Any = None
    meta: Any = None
    m: Any = None
    revenue: Any = None
    short_revenue: Any = None
    interactive: Any = None
    i: Any = None
    hash_mode: Any = None
    h: Any = None
    sd: Any = None
    e: Any = None


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class Plausible:
    """The protocol. Its one operation is ``event``."""

    name = "plausible"
    needs_salt = True

    def stub(self, request: WireRequest) -> Reply | None:  # noqa: ARG002 -- of the protocol
        """There is none."""
        return None

    def read(self, request: WireRequest) -> Decoded:
        """The event, once for each of its domains."""
        item = read_one(request.body.removeprefix(BOM), _decode_item, request.limits, lambda _: None)
        if isinstance(item, Refused):
            raise item.reason
        url = item.url or item.short_url or ""
        given = item.domain or item.short_domain or page_of(url).host
        domains = [name for part in given.split(",", _MOST_DOMAINS) if (name := part.strip().removeprefix("www."))]
        events = [_event_of(item, url, domain, request) for domain in domains[:_MOST_DOMAINS] or [""]]
        return Decoded(Batch(events), domains[:_MOST_DOMAINS] or [""])

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:  # noqa: ARG002 -- of the protocol
        """202, also where a visitor sees it with ``X-Debug-Request: true``: then with the address that was taken for theirs."""
        if verdicts.reason is not None and not verdicts.records:
            return self.failed(request, verdicts.reason, 0)
        if request.header(b"x-debug-request").lower() == "true":
            return Reply(200, request.address.encode(), b"text/plain; charset=utf-8")
        return Reply(202, b"ok", b"text/plain; charset=utf-8")

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """``errors`` as Plausible has them. Not 202 where nothing was stored, though the tracker does not care."""
        return failure(request, error, wait, more={"errors": {"event": [error.message]}})


PLAUSIBLE: Final = Plausible()


def _event_of(item: _Item, url: str, domain: str, request: WireRequest) -> NativeEvent | Refused:
    name = item.name or item.short_name
    if not name or not url:
        return Refused(InvalidInput(f"{'url' if name else 'name'} is missing", code="missing_event_type"), None)
    try:
        properties = _properties(item)
    except InvalidInput as refusal:
        return Refused(refusal, None)
    keeps_fragment = (item.hash_mode or item.h) in (1, "1", True)
    return NativeEvent(
        event_type=_TYPES.get(name, name),
        event_name=name,
        visitor_id=visitor_of(request.salt, domain, request.address, request.header(b"user-agent")),
        properties=properties,
        page_url=url if keeps_fragment else url.partition("#")[0],
        referrer=item.referrer or item.short_referrer,
    )


def _properties(item: _Item) -> msgspec.Raw:
    """The event's own properties, with revenue and what engagement events measure beside them."""
    said: Any = next((each for each in (item.props, item.p, item.meta, item.m) if each is not None), {})
    if isinstance(said, str):
        try:
            said = _decode_object(said) if said else {}
        except DECODING_ERRORS as error:
            raise refusal_of(error, "properties") from error
    if not isinstance(said, dict):
        raise InvalidInput("props is no object", code="invalid_properties")
    kept = {name: value for name, value in said.items() if value not in (None, "") and not isinstance(value, dict | list)}
    measured = {
        "revenue": item.revenue if item.revenue is not None else item.short_revenue,
        "interactive": item.interactive if item.interactive is not None else item.i,
        "scroll_depth": item.sd,
        "engagement_ms": item.e,
    }
    kept |= {name: value for name, value in measured.items() if value not in (None, {})}  # {} is the tracker's for none
    return msgspec.Raw(encode(kept)) if kept else NOT_SENT
