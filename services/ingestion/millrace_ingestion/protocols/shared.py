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
from millrace_ingestion.protocols.reading import BOM, DECODING_ERRORS
from millrace_ingestion.protocols.routes import Route
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
        try:
            found = _decode_batch(request.body.removeprefix(BOM))
        except DECODING_ERRORS:
            return POSTHOG
        return AMPLITUDE if found.events and not found.batch else POSTHOG
    if route is TRACK:
        return protocol_of_track(request) or POSTHOG
    return route.protocol


def protocol_of_track(request: WireRequest) -> WireProtocol | None:
    """The protocol of a request to ``/track`` that is not native by its look; None where it is nobody else's either."""
    try:
        found = _decode_outline(unwrap(request))
    except (InvalidInput, *DECODING_ERRORS):
        return None
    first = (found[0] if found else None) if isinstance(found, list) else found
    if first is None or not (first.event or first.batch or first.api_key or first.token or first.own_token):
        return None
    try:
        said = _decode_said(first.properties) if first.properties else _Said()
    except DECODING_ERRORS:
        return POSTHOG
    is_mixpanels = said.token is not None and (said.distinct_id is not None or said.time is not None)
    return MIXPANEL if is_mixpanels else POSTHOG
