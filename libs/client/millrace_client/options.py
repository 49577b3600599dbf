"""How a client behaves."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from millrace_client.errors import Failure

log: Final = logging.getLogger("millrace_client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client batches, waits and gives up. The defaults suit a web application.

    Attributes:
        batch_events: most events of a request; a batch leaves when it has so many.
        batch_bytes: most bytes of a request before it is packed. A single larger event is sent alone.
        flush_seconds: a batch leaves when its first event has waited this long.
        queue_events: most events that wait; what is tracked beyond that is dropped and counted.
        queue_bytes: the same in bytes of JSON.
        timeout_seconds: how long connecting, sending and each piece of an answer may take.
        first_retry_seconds: upper end of the first pause behind a failure; it doubles with each failure. The pause itself is
            random below that, so that clients of a server that was away do not come back together.
        longest_retry_seconds: where it stops doubling.
        shutdown_seconds: how long closing, and the end of the interpreter, may take to deliver what waits.
        on_failure: called with each event that will not be stored, from the client's thread or task. What it raises is
            logged; it must not wait for ``flush``.
    """

    batch_events: int = 500
    batch_bytes: int = 1_000_000
    flush_seconds: float = 1.0
    queue_events: int = 10_000
    queue_bytes: int = 64 * 2**20
    timeout_seconds: float = 10.0
    first_retry_seconds: float = 0.5
    longest_retry_seconds: float = 30.0
    shutdown_seconds: float = 10.0
    on_failure: Callable[[Failure], None] | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name != "on_failure" and not value > 0:
                raise ValueError(f"{name}={value!r}: it has to be more than 0")
        if self.batch_events > 10_000:  # what the server takes in one request
            raise ValueError(f"batch_events={self.batch_events}: 10,000 are the most")


def base_url(url: str) -> httpx.URL:
    """The server's URL, with a path where it stands under one.

    Raises:
        ValueError: it is no URL of HTTP.
    """
    try:
        made = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL") from error
    if made.scheme not in ("http", "https") or not made.host:
        raise ValueError(f"{url!r} is no URL of a server: it has to begin with http:// or https://")
    return made


def headers(key: str | None) -> dict[str, str]:
    """What every request carries."""
    return {"User-Agent": "millrace-client-python"} | ({"Authorization": f"Bearer {key}"} if key else {})
