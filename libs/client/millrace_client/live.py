"""Live streams: server-sent events, with reconnection and resume."""

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from millrace_client.options import log
from millrace_client.questions import error_of

_SILENCE: Final = httpx.Timeout(10.0, read=60.0)  # the server says every 15 seconds that it lives
_LONGEST_WAIT: Final = 10.0  # seconds; somebody looks at this
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream (HTML Standard, 9.2)."""

    name: str
    data: str
    id: str


class Parser:
    """Bytes in, messages out. Lines end with LF or CRLF only: U+2028 and its like stand inside JSON."""

    def __init__(self) -> None:
        self.retry_seconds: float | None = None
        self._rest = b""
        self._name = self._data = self._id = ""

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The messages that this piece completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text:
                self._field(*text.partition(":")[::2])
                continue
            if self._data:
                yield Message(self._name or "message", self._data, self._id)
            self._name = self._data = ""

    def _field(self, name: str, value: str) -> None:
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._name = value
            case "data":
                self._data = f"{self._data}\n{value}" if self._data else value
            case "id":
                self._id = value
            case "retry" if value.isdecimal():
                self.retry_seconds = int(value) / 1000
            case _:
                pass  # comments, and what is not known


class _Position:
    """Where a stream is, and how long to wait before it goes on there."""

    def __init__(self, customer_id: str | None, last_event_id: str | None) -> None:
        if customer_id is None:
            raise ValueError("a stream needs a customer_id: give it here or to the client")
        self.path = f"/events/stream/{quote(customer_id, safe='')}"
        self.last_event_id = last_event_id
        self._failures = 0

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last_event_id} if self.last_event_id else {})

    def open(self) -> None:
        self._failures = 0

    def wait_after(self, retry_seconds: float | None, reason: str) -> float:
        """Seconds until the next attempt."""
        log.warning("the live stream broke off and is taken up again: %s", reason)
        self._failures += 1
        ceiling = max(retry_seconds or 0.0, min(_LONGEST_WAIT, 0.5 * 2.0 ** min(self._failures, 10)))
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 (spreads clients, keeps no secret)


def _check(answer: httpx.Response, content: bytes) -> float | None:
    """Return the seconds that a refusal for a while asks for.

    Raises:
        MillraceError: it is refused for good.
    """
    error = error_of(answer.status_code, answer.headers, content)
    if answer.status_code not in _PASSING:
        raise error
    return error.retry_after


def _events_of(message: Message) -> list[dict[str, Any]]:
    if message.name == "new_events":
        return list(json.loads(message.data))
    if message.name in ("lagged", "gap"):  # too slow, or away for longer than the log keeps events
        log.warning("a live stream skipped events: %s %s", message.name, message.data)
    return []


class LiveStream:
    """Events as they are accepted, each a dict. When the connection breaks off, it is taken up again where it was; an event may
    then come twice, and what the server skipped for a slow client is logged.

    Attributes:
        last_event_id: goes on behind the last message of which every event was taken.
    """

    def __init__(self, connect: Callable[..., httpx.Client], customer_id: str | None, last_event_id: str | None) -> None:
        self._position = _Position(customer_id, last_event_id)
        self._connect = connect

    @property
    def last_event_id(self) -> str | None:
        """To be given to a later stream."""
        return self._position.last_event_id

    def __iter__(self) -> Generator[dict[str, Any], None, None]:
        """The events.

        Raises:
            MillraceError: the stream is refused for good.
        """
        position = self._position
        with self._connect() as http:
            while True:
                parser, asked, reason = Parser(), None, "the server ended it"
                try:
                    with http.stream("GET", position.path, headers=position.headers, timeout=_SILENCE) as answer:
                        if answer.status_code != 200:
                            asked, reason = _check(answer, answer.read()), f"HTTP {answer.status_code}"
                        else:
                            position.open()
                            yield from self._messages(answer, parser)
                except httpx.HTTPError as error:
                    reason = repr(error)
                time.sleep(position.wait_after(asked or parser.retry_seconds, reason))

    def _messages(self, answer: httpx.Response, parser: Parser) -> Iterator[dict[str, Any]]:
        for piece in answer.iter_bytes():
            for message in parser.feed(piece):
                yield from _events_of(message)
                self._position.last_event_id = message.id or self._position.last_event_id


class AsyncLiveStream:
    """The same for tasks."""

    def __init__(self, connect: Callable[..., httpx.AsyncClient], customer_id: str | None, last_event_id: str | None) -> None:
        self._position = _Position(customer_id, last_event_id)
        self._connect = connect

    @property
    def last_event_id(self) -> str | None:
        """To be given to a later stream."""
        return self._position.last_event_id

    async def __aiter__(self) -> AsyncGenerator[dict[str, Any], None]:
        """The events.

        Raises:
            MillraceError: the stream is refused for good.
        """
        position = self._position
        async with self._connect() as http:
            while True:
                parser, asked, reason = Parser(), None, "the server ended it"
                try:
                    async with http.stream("GET", position.path, headers=position.headers, timeout=_SILENCE) as answer:
                        if answer.status_code != 200:
                            asked, reason = _check(answer, await answer.aread()), f"HTTP {answer.status_code}"
                        else:
                            position.open()
                            async for event in self._messages(answer, parser):
                                yield event
                except httpx.HTTPError as error:
                    reason = repr(error)
                await asyncio.sleep(position.wait_after(asked or parser.retry_seconds, reason))

    async def _messages(self, answer: httpx.Response, parser: Parser) -> AsyncIterator[dict[str, Any]]:
        async for piece in answer.aiter_bytes():
            for message in parser.feed(piece):
                for event in _events_of(message):
                    yield event
                self._position.last_event_id = message.id or self._position.last_event_id
