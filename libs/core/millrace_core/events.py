"""The event as it is stored: one JSON line whose keys are the columns of ``events_raw``."""

from typing import Final

import msgspec

# `{"event_id":"` is always how a line begins, so the id of a line is found without parsing it.
EVENT_ID_AT: Final = slice(13, 49)

NO_PROPERTIES: Final = msgspec.Raw(b"{}")


class Event(msgspec.Struct, omit_defaults=True, gc=False):
    """One event, in the columns of ``events_raw`` (docs/reference/events.md). Fields at their default stay out of the line:
    shorter lines are read faster by the engine.

    ``timestamp`` and ``received_at`` are in the form of :func:`millrace_core.time.warehouse_time`; ``properties`` and
    ``context`` are the JSON text of an object, ``skew_ms`` milliseconds.
    """

    event_id: str
    customer_id: str
    event_type: str
    timestamp: str
    received_at: str
    event_name: str = ""  # the default is event_type, which the table fills in
    visitor_id: str = ""
    user_id: str = ""
    session_id: str = ""
    properties: msgspec.Raw = NO_PROPERTIES
    page_url: str = ""
    page_path: str = ""
    referrer: str = ""
    referrer_domain: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    country: str = ""
    language: str = ""
    device: str = ""
    browser: str = ""
    os: str = ""
    is_bot: bool = False
    ip: str = ""
    context: msgspec.Raw | str = ""
    protocol: str = ""
    key_id: str = ""
    client_event_id: str = ""
    skew_ms: int = 0


encode_line = msgspec.json.Encoder().encode
"""The log line of an event, without a newline. Field order is the struct's, so ``event_id`` stands first."""
