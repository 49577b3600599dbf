"""What becomes of the events of one request."""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from millrace_core.errors import Forbidden, InvalidInput
from millrace_eventlog.records import LogRecord

PRIVACY_SIGNAL: Final = "privacy_signal"
"""Why an event was left out, as metrics and answers say it."""


class Remark(msgspec.Struct, frozen=True):
    """What is said about one event: why it was rejected, or what was changed in it."""

    index: int
    """Its place in the batch, from 0."""
    event_id: str | None
    """As the client sent it."""
    code: str
    message: str


@dataclass(slots=True)
class Verdicts:
    """The accepted events as records, and what is to be said and counted about all of them."""

    records: list[LogRecord] = field(default_factory=list)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    """Tenant and event type of each record."""
    errors: list[Remark] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Tenant (empty when it is unknown) and code of each rejected event."""
    reason: InvalidInput | Forbidden | None = None
    """Of the last rejected event."""
    warnings: list[Remark] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Tenant and reason of each event that is not stored although nothing is wrong with it."""

    def refuse(self, index: int, tenant: str, event_id: str | None, reason: InvalidInput | Forbidden) -> None:
        """This event is not stored."""
        self.errors.append(Remark(index, event_id, reason.code, reason.message))
        self.refused.append((tenant, reason.code))
        self.reason = reason

    def leave_out(self, index: int, tenant: str, event_id: str | None) -> None:
        """This event is not stored, as its browser wishes; its client is to hear of a success."""
        self.left_out.append((tenant, PRIVACY_SIGNAL))
        self.warn(index, event_id, PRIVACY_SIGNAL, "the browser asks not to be tracked: the event is not stored")

    def warn(self, index: int, event_id: str | None, code: str, message: str) -> None:
        """Something in this event was changed or left out."""
        self.warnings.append(Remark(index, event_id, code, message))
