"""Which protocol a request is of where several share its path. What it holds decides:

- ``/track``: a top-level ``event_type`` is native, and never comes here; ``properties.token`` with ``distinct_id`` or ``time``
  beside it is Mixpanel's; the rest PostHog's.
- ``/batch``: ``batch`` is PostHog's, ``events`` is Amplitude's.
"""

from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_ingestion.protocols.posthog import POSTHOG
from millrace_ingestion.protocols.reading import DECODING_ERRORS
from millrace_ingestion.protocols.routes import Route
from millrace_ingestion.protocols.wire import WireProtocol, WireRequest
from millrace_ingestion.protocols.wrappings import unwrap

TRACK: Final = Route("/track", POSTHOG, "capture", ("GET", "POST"))
"""The native path as others use it."""


class _Outline(msgspec.Struct, rename={"own_token": "$token"}):
    """What tells the protocols of ``/track`` apart."""

    event: Any = None
    batch: msgspec.Raw = msgspec.Raw(b"")
    api_key: Any = None
    token: Any = None
    own_token: Any = None


_decode_outline = msgspec.json.Decoder(_Outline | list[_Outline]).decode


def protocol_of(route: Route, request: WireRequest) -> WireProtocol:  # noqa: ARG001 -- routes of one protocol do not look
    """The protocol of a request to this route."""
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
    return POSTHOG
