"""What goes wrong: raised where something is asked for, told to a callback where events are on their way."""

from dataclasses import dataclass
from typing import Any


class MillraceError(Exception):
    """A question or a stream that is not answered.

    Attributes:
        status: the HTTP status; None when there was no answer.
        code: stable, one of the server's error codes; ``unreachable`` when there was no answer, ``unexpected_answer`` when what
            answered is no Millrace server.
        request_id: finds the request in the server's log.
        retry_after: seconds after which to try again, where the server says so.
    """

    def __init__(
        self, message: str, *, code: str, status: int | None = None, request_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that will not be stored.

    Attributes:
        event_id: of the event, as ``track`` returned it; empty for what could not even be made an event.
        code: why: a code of the server for a rejected event or request (``invalid_timestamp``, ``event_too_large``, …), or one
            of the client's own: ``queue_full``, ``closed``, ``not_json``, ``not_delivered`` (it still waited when the client
            was closed).
        message: the same for people.
        event: what was tracked, with the fields of ``POST /track``; empty when it never became JSON.
    """

    event_id: str
    code: str
    message: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the events that were tracked in this process; counts since the client was made (or since a fork).

    Attributes:
        tracked: calls of ``track``, ``page`` and ``identify``.
        stored: acknowledged by the server as durable.
        rejected: refused, by the server or because they are no JSON.
        dropped: given up: the queue was full, or the client closed before they could be delivered.
        waiting: in the queue or on their way.
        retries: requests that had to be sent again.
    """

    tracked: int
    stored: int
    rejected: int
    dropped: int
    waiting: int
    retries: int
