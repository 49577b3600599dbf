"""Stands between an SDK and a server: passes requests on, remembers them, loses an answer or the server as it is told to."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import httpx

from tests.support import plain

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "server", "date"})
_NOT_OF_ANSWERS = _HOP_BY_HOP | {"content-encoding"}  # httpx has inflated it


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    retry_after: float
    """Seconds that the answer asks to wait, 0 where it does not."""
    asked_at: float
    answered_at: float

    @property
    def events(self) -> list[dict[str, Any]]:
        """That it brought: a batch, a list, or one."""
        text = gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body
        told = json.loads(text)
        found = told.get("batch", [told]) if isinstance(told, dict) else told
        return list(found)

    @property
    def ids(self) -> set[str]:
        """Of the events that it brought."""
        return {one.get("messageId") or one["uuid"] for one in self.events}


@dataclass
class Relay:
    """What has passed, and what is to happen behind the next answer."""

    target: str
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None
    """Called once, when the server has answered events and the client has not heard it yet; then the connection is cut."""
    after_answer: Callable[[], None] | None = None
    """Called once, when the client has an answer to events."""

    @property
    def posts(self) -> list[Exchange]:
        """What brought events."""
        return [one for one in self.exchanges if one.method == "POST" and "/flags" not in one.path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    relay: Relay


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Pass it on, whatever its method is."""
        relay, asked_at = cast("_Server", self.server).relay, time.monotonic()
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            answer = plain.request(self.command, relay.target + self.path, headers=headers, content=body, timeout=60)
        except httpx.TransportError:  # the server was killed: its client learns no more than that
            self.close_connection = True
            return
        brings_events = self.command == "POST" and "/flags" not in self.path
        if brings_events and (lose := relay.before_answer) is not None:
            relay.before_answer = None
            lose()
            self.close_connection = True
            return
        retry_after, told = float(answer.headers.get("retry-after", "0")), dict(self.headers)
        relay.exchanges.append(
            Exchange(self.command, self.path, told, body, answer.status_code, retry_after, asked_at, time.monotonic())
        )
        try:
            self._answer(answer)
        except ConnectionError:  # the client has left
            self.close_connection = True
        if brings_events and (then := relay.after_answer) is not None:
            relay.after_answer = None
            then()

    do_GET = do_OPTIONS = do_POST  # noqa: N815 -- the base asks for these names

    def _answer(self, answer: httpx.Response) -> None:
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _NOT_OF_ANSWERS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """One in front of a server's address."""
    made = Relay(target)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.relay = made
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
