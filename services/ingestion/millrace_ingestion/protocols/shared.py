"""Which protocol a request is of where several share its path. What it holds decides:

- ``/track``: a top-level ``event_type`` is native, and never comes here; ``properties.token`` with ``distinct_id`` or ``time``
  beside it is Mixpanel's; the rest PostHog's.
- ``/batch``: ``batch`` is PostHog's, ``events`` is Amplitude's.
"""

from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_ingestion.protocols.amplitude import AMPLITUDE
from millrace_ingestion.protocols.mixpanel import MIXPANEL
from millrace_ingestion.protocols.posthog import POSTHOG
from millrace_ingestion.protocols.reading import BOM, DECODING_ERRORS, outline_of
from millrace_ingestion.protocols.routes import Route
from millrace_ingestion.protocols.splitting import split_events
from millrace_ingestion.protocols.wire import WireProtocol, WireRequest
from millrace_ingestion.protocols.wrappings import unwrap

TRACK: Final = Route("/track", POSTHOG, "capture", ("GET", "POST"))
"""The native path as others use it."""


_NONE: Final = msgspec.Raw(b"")


class _Outline(msgspec.Struct, rename={"own_token": "$token"}):
    """What tells the protocols of ``/track`` apart."""

    event: Any = None
    batch: msgspec.Raw = _NONE
    api_key: Any = None
    token: Any = None
    own_token: Any = None
    properties: msgspec.Raw = _NONE


class _Said(msgspec.Struct):
    token: Any = None
    distinct_id: Any = None
    time: Any = None


class _Batches(msgspec.Struct):
    batch: msgspec.Raw = _NONE
    events: msgspec.Raw = _NONE


_decode_said = msgspec.json.Decoder(_Said).decode
_decode_batch = msgspec.json.Decoder(_Batches).decode
_decode_outline = msgspec.json.Decoder(_Outline | list[_Outline]).decode


def protocol_of(route: Route, request: WireRequest) -> WireProtocol:
    """The protocol of a request to this route."""
    if route.path == "/batch" and b'"events"' in request.body:
        return AMPLITUDE if _is_amplitudes(request.body.removeprefix(BOM)) else POSTHOG
    if route is TRACK:
        return protocol_of_track(request) or POSTHOG
    return route.protocol


def _is_amplitudes(body: bytes) -> bool:
    found = outline_of(body, _decode_batch)
    if found is not None:
        return bool(found.events) and not found.batch
    try:  # one of its events is no JSON, which is to keep none of the others out
        return split_events(body, "events") is not None and split_events(body, "batch") is None
    except InvalidInput:
        return False


def protocol_of_track(request: WireRequest) -> WireProtocol | None:
    """The protocol of a request to ``/track`` that is not native by its look; None where it is nobody else's either."""
    try:
        first = _first_outline(unwrap(request))
    except InvalidInput:
        return None
    if first is None or not (first.event or first.batch or first.api_key or first.token or first.own_token):
        return None
    try:
        said = _decode_said(first.properties) if first.properties else _Said()
    except DECODING_ERRORS:
        return POSTHOG
    is_mixpanels = said.token is not None and (said.distinct_id is not None or said.time is not None)
    return MIXPANEL if is_mixpanels else POSTHOG


def _first_outline(body: bytes) -> _Outline | None:
    """The outline of an object, or of the first event of a list that has one: a broken event keeps none of the others out."""
    found: _Outline | list[_Outline] | None = outline_of(body, _decode_outline)
    if isinstance(found, _Outline):
        return found
    if found is not None:
        return found[0] if found else None
    is_list = body.lstrip()[:1] == b"["
    split = split_events(b'{"batch":' + body + b"}" if is_list else body, "batch")
    if split is None:
        return None
    outlines = (outline_of(text, _decode_outline) for text in (split.events if is_list else [split.envelope]))
    return next((each for each in outlines if isinstance(each, _Outline)), None)
