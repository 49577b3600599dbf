"""A small HTTP server that answers what the test says: for statuses and delays that the platform gives only in trouble."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. The last one of a script stays."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """None is the platform's answer to a batch that it accepted."""
    hold: threading.Event | None = None
    """Awaited before the answer."""
    hang_up: bool = False
    """Close the connection instead."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came."""

    at: float
    """Of the monotonic clock."""
    headers: dict[str, str]
    """By lower-case name."""
    events: list[dict[str, Any]]
    sent_at: str

    @property
    def ids(self) -> list[str]:
        """Of its events."""
        return [event["event_id"] for event in self.events]


class Scripted:
    """The server's address and what it saw."""

    def __init__(self, url: str, seen: list[Seen]) -> None:
        self.url = url
        self.seen = seen

    def wait_for(self, count: int, seconds: float = 30.0) -> list[Seen]:
        """The requests, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f"{len(self.seen)} requests instead of {count}"
            time.sleep(0.01)
        return self.seen


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *of: object) -> None:
        """A client that left, which is what some tests are about."""


@contextmanager
def scripted(*replies: Reply, more: Callable[[Seen], Reply] | None = None) -> Iterator[Scripted]:
    """Serve these replies, one a request.

    Args:
        more: answers what comes behind them; without it the last reply stays.
    """
    seen: list[Seen] = []
    left = list(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            said = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Seen(time.monotonic(), headers, said["events"], said["sent_at"])
            seen.append(request)
            reply = _next(left, more, request)
            if reply.hold is not None:
                reply.hold.wait(30)
            if reply.hang_up:
                self.close_connection = True
            else:
                self._say(reply, len(request.events))

        def _say(self, reply: Reply, count: int) -> None:
            body = _accepted(count) if reply.body is None else reply.body
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:  # the base names the first one
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Scripted(f"http://127.0.0.1:{server.server_address[1]}", seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _accepted(count: int) -> bytes:
    said = {"success": True, "events_accepted": count, "events_rejected": 0, "message": "", "errors": [], "durable": "log"}
    return json.dumps(said).encode()


def _next(left: list[Reply], more: Callable[[Seen], Reply] | None, request: Seen) -> Reply:
    if not left:
        return more(request) if more is not None else Reply()
    return left[0] if len(left) == 1 and more is None else left.pop(0)
