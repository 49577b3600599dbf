"""From an event as it was sent to a record of the log, or to the reason why not.

The hot path: about 3 µs an event after decoding (tests/bench/ingest_cost.py prints it).
"""

from dataclasses import dataclass
from typing import Any, Final

from millrace_core.errors import Forbidden, InvalidInput
from millrace_core.events import Event, line_of
from millrace_core.ids import derived_id, new_id, normal_uuid, time_of_uuid7
from millrace_core.privacy import IDS
from millrace_core.tenants import is_tenant
from millrace_core.time import parse_time, warehouse_time
from millrace_eventlog.records import LogRecord
from millrace_ingestion.contexts import context_of
from millrace_ingestion.enrich.agents import Agents
from millrace_ingestion.enrich.visits import campaign_of_properties, visit_text
from millrace_ingestion.idempotency import content_of, has_id
from millrace_ingestion.objects import check_object, text_at
from millrace_ingestion.privacy.filtering import Filtering, LeftOut
from millrace_ingestion.protocols.native import NOT_SENT, Batch, NativeEvent
from millrace_ingestion.protocols.reading import Refused
from millrace_ingestion.senders import Sender
from millrace_ingestion.verdicts import Verdicts

_DAY_MS: Final = 86_400_000
_LONGEST_ID: Final = 512  # characters; the decoder checks texts, so this is for numbers


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """How far ahead of the clock and how far behind it an event's time may lie, in milliseconds."""

    ahead: int
    past: int


class Acceptance:
    """Gives each event its identity, its time and its columns."""

    def __init__(self, window: TimeWindow, agents: Agents, filtering: Filtering) -> None:
        self._ahead, self._past = window.ahead, -window.past
        self._agents = agents
        self._filtering = filtering

    def judge(self, batch: Batch, sender: Sender, span: slice, verdicts: Verdicts) -> None:
        """Add what becomes of these events of the batch to ``verdicts``."""
        sent_at = _sent_at(batch.sent_at)
        store, count = verdicts.records.append, verdicts.accepted.append
        make = self._filtered if sender.objects or self._filtering.rules else self._record
        for index, event in enumerate(batch.events[span], span.start):
            if isinstance(event, Refused):
                verdicts.refuse(index, _whose(event.customer_id, sender), event.event_id, event.reason)
                continue
            try:
                record = make(event, index, sender, sent_at, verdicts)
            except LeftOut:
                verdicts.leave_out(index, sender.tenant or _text(event.customer_id), _as_sent(event))
            except (InvalidInput, Forbidden) as reason:
                verdicts.refuse(index, _whose(event.customer_id, sender), _as_sent(event), reason)
            else:
                store(record)
                count((record.tenant, event.event_type or ""))

    def _record(self, event: NativeEvent, index: int, sender: Sender, sent_at: int | None, verdicts: Verdicts) -> LogRecord:
        tenant, event_type = _text(event.customer_id), event.event_type
        if sender.tenant:
            tenant = _own(tenant, sender.tenant)
        visitor = sent if isinstance(sent := event.visitor_id, str) else _text(sent)
        user = sent if isinstance(sent := event.user_id, str) else _text(sent)
        session = sent if isinstance(sent := event.session_id, str) else _text(sent)
        routing = visitor or user or session
        if not ((routing or sender.may_be_nobody) and event_type and tenant and is_tenant(tenant)):
            raise _lack(tenant, event_type)
        event_id, client_id = _identity(event, tenant, index, sender)
        if event.sent_at is not None:
            sent_at = parse_time(event.sent_at)
            if sent_at is None:
                verdicts.warn(index, _as_sent(event), "sent_at_ignored", "sent_at is no time")
        timestamp = sender.arrival.received_at
        if event.timestamp is not None or event.event_id is not None:
            at = self._time(event.timestamp, event_id, sent_at, sender.received_at)
            if at is None:
                verdicts.warn(
                    index, _as_sent(event), "timestamp_replaced", "the client's clock is off: the time of arrival holds"
                )
            else:
                timestamp = warehouse_time(at)
        made = Event(event_id, tenant, event_type, timestamp, visitor, user, session)
        if client_id and not sender.is_anonymous:
            made.client_event_id = client_id
        if sent_at is not None:
            made.skew_ms = sender.received_at - sent_at
        if event.event_name is not None and event.event_name != event_type:
            made.event_name = event.event_name
        line = self._line(made, event, sender)
        arrival = sender.arrival
        return LogRecord(tenant, event_id, sender.received_at, arrival.protocol, arrival.key_id, line, routing or event_id)

    def _filtered(self, event: NativeEvent, index: int, sender: Sender, sent_at: int | None, verdicts: Verdicts) -> LogRecord:
        """The record without what its tenant and its browser do not want; whoever it was, it has to be valid as it was sent.

        Raises:
            LeftOut: nothing of it is wanted.
        """
        tenant = sender.tenant or _text(event.customer_id)
        has_identity = sender.may_be_nobody or any(getattr(event, name) not in (None, "") for name in IDS)
        if event.event_type and has_identity and event.customer_id in (None, "", tenant):
            found = self._filtering.filtered(tenant, event, sender)
            if found is not None:
                event, sender = found
        return self._record(event, index, sender, sent_at, verdicts)

    def _time(self, given: str | float | None, event_id: str, sent_at: int | None, received_at: int) -> int | None:
        """The event's time in milliseconds; None where it cannot be right and the time of arrival stands in.

        Raises:
            InvalidInput: ``invalid_timestamp`` or ``timestamp_out_of_range``.
        """
        if given is None or given == "":
            # Of the ids, only a UUIDv7 that the client made (or one made just now) holds a time: derived ones are version 5.
            told = time_of_uuid7(event_id)
            if told is None:
                return received_at
            return told if self._past <= told - received_at <= self._ahead else None
        at = parse_time(given)
        if at is None:
            raise InvalidInput(
                "timestamp is neither ISO 8601 nor a number of seconds or milliseconds", code="invalid_timestamp"
            )
        if self._past <= at - received_at <= self._ahead:
            return at
        if sent_at is not None and abs(received_at - sent_at) > _DAY_MS:
            return None
        raise InvalidInput("timestamp is too far from the time of arrival", code="timestamp_out_of_range")

    def _line(self, made: Event, event: NativeEvent, sender: Sender) -> bytes:
        """Add what the event's objects say, and encode."""
        arrival, page_url, referrer, page, campaign = sender.arrival_text, event.page_url or "", event.referrer or "", "", None
        if event.properties is not NOT_SENT:
            made.properties, said = check_object(event.properties, "properties")
            page, campaign = text_at(said, "page"), campaign_of_properties(said)
            if made.event_type == "page_view":  # whose vocabulary has both
                page_url, referrer = page_url or text_at(said, "url"), referrer or text_at(said, "referrer")
        if event.context is not NOT_SENT:
            context = context_of(event.context)
            made.context = context.text
            arrival = sender.arrival_with(context.ip, context.language, context.user_agent, self._agents)
            page_url, referrer = page_url or context.page_url, referrer or context.referrer
            campaign = campaign or context.campaign
        return line_of(made, visit_text(page_url, referrer, page, campaign), arrival)


def _identity(event: NativeEvent, tenant: str, index: int, sender: Sender) -> tuple[str, str]:
    """The event's id and, where that is derived from it, the client's own: the client's UUID; an id derived from any other,
    or from the idempotency key and what the event says; else a new one."""
    if has_id(event):
        text = _text(event.event_id)
        kept = normal_uuid(text)
        if kept:
            return kept, ""
        return derived_id(tenant, sender.id_kind, text), text.replace("\0", " ") if sender.may_be_nobody else text
    if sender.idempotency_key:
        return derived_id(tenant, "idempotency_key", sender.idempotency_key, str(index), content_of([event]).hex()), ""
    return new_id(sender.received_at), ""


def _whose(named: str | int | None, sender: Sender) -> str:
    """The tenant that a refused event counts for; empty where nobody knows."""
    return sender.refused_of or (named if isinstance(named, str) and is_tenant(named) else "")


def _own(named: str, tenant: str) -> str:
    """The tenant of the key that the event came with, which the event may name, too."""
    if named and named != tenant:
        raise Forbidden("customer_id is another tenant than the key's", code="foreign_tenant")
    return tenant


def _lack(tenant: str, event_type: str | None) -> InvalidInput:
    """What an event without one of the required fields lacks."""
    if not tenant:
        return InvalidInput("customer_id is missing", code="missing_customer_id")
    if not is_tenant(tenant):
        return InvalidInput(
            "customer_id has to be 1 to 64 of A-Z a-z 0-9 _ . - and not to begin with a dot", code="invalid_customer_id"
        )
    if not event_type:
        return InvalidInput("event_type is missing", code="missing_event_type")
    return InvalidInput("one of visitor_id, user_id and session_id is needed", code="missing_identity")


def _text(given: str | int | None) -> str:
    """An identifier as text: clients with numeric ids send numbers."""
    if isinstance(given, str):
        return given
    if given is None:
        return ""
    if abs(given) >= 10**_LONGEST_ID:
        raise InvalidInput(f"an identifier has more than {_LONGEST_ID} digits", code="string_too_long")
    return str(given)


def _as_sent(event: NativeEvent) -> str | None:
    return None if event.event_id is None else str(event.event_id)[:_LONGEST_ID]


def _sent_at(given: Any) -> int | None:
    """A batch's ``sent_at``; what is no time counts as absent."""
    return parse_time(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else None
