"""Answers about events and what became of them."""

from typing import Literal

from pydantic import BaseModel, Field

Status = Literal["stored", "dead_letter", "accepted", "duplicate", "rejected", "limited"]


class LogPlace(BaseModel):
    """Where a record stands in the log."""

    partition: int
    offset: int
    index: int


class Seen(BaseModel):
    """An outcome in which the id was met."""

    outcome: str
    reason: str
    protocol: str
    key_id: str
    times: int = Field(description="How often. Of refused events only some ids are kept, so it may have been more often.")
    last_at: str


class Letter(BaseModel):
    """A dead letter."""

    letter_id: int
    reason: str
    error: str
    set_aside_at: str


class Duplicates(BaseModel):
    """How often the event was sent again, and when last."""

    times: int
    last_at: str | None = None


class FoundEvent(BaseModel):
    """Where an event is. What is not known of it is left out."""

    customer_id: str
    status: Status = Field(
        description="`stored`: it can be asked for in SQL. `accepted`: it is in the log, and not stored yet. `dead_letter`: "
        "the warehouse refuses it. `duplicate`: only copies of an event that is not there any more were met. `rejected`, "
        "`limited`: it was refused when it came."
    )
    event_id: str | None = None
    client_event_id: str | None = Field(None, description="As the client sent it, where that is no UUID.")
    event_type: str | None = None
    timestamp: str | None = None
    received_at: str | None = None
    ingested_at: str | None = Field(None, description="When the log took it.")
    protocol: str | None = None
    key_id: str | None = None
    log_position: LogPlace | None = None
    reason: str | None = Field(None, description="Why it is not stored: a code of the errors.")
    letter: Letter | None = None
    duplicates: Duplicates
    seen: list[Seen] = Field(description="Every outcome of the last 30 days in which this id was met, the newest first.")


class ReportCounts(BaseModel):
    """Events of a minute, or of all minutes. ``received`` is the sum of ``accepted``, ``duplicate``, ``dead_letter``,
    ``limited`` and all of ``rejected``."""

    received: int = Field(description="Whatever has come to an end: what waits in the log is not in it yet.")
    accepted: int = Field(description="Answered 200, and stored; `bot` of them are bots'.")
    duplicate: int = Field(description="Answered 200 as well: sent again, and counted once.")
    dead_letter: int = Field(description="Answered 200, and refused by the warehouse; those replayed since are accepted.")
    rejected: dict[str, int] = Field(description="By code. A request that could not be read counts as one event.")
    limited: int = Field(description="Answered 429. The client may have sent them again since: then they count again.")
    bot: int = Field(description="Of `accepted`: those of bots.")


class ReportMinute(ReportCounts):
    """One minute of arrival."""

    minute: str


class Report(BaseModel):
    """What arrived lately, by minute of arrival (the server's clock); minutes in which nothing arrived are left out."""

    customer_id: str
    since: str
    until: str
    totals: ReportCounts
    minutes: list[ReportMinute]
