"""Stands between an SDK and a server: passes requests on, remembers them, loses an answer or the server as it is told to."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "host", "server", "date"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    retry_after: float
    """Seconds that the answer asks to wait, 0 where it does not."""
    asked_at: float
    answered_at: float

    @property
    def ids(self) -> set[str]:
        """Of the events that it brought."""
        text = gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body
        return {one.get("messageId") or one["uuid"] for one in json.loads(text)["batch"]}


@dataclass
class Relay:
    """What has passed, and what is to happen behind the next answer."""

    target: str
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None
    """Called once, when the server has answered and the client has not heard it yet; then the connection is cut."""
    after_answer: Callable[[], None] | None = None
    """Called once, when the client has the answer."""

    @property
    def posts(self) -> list[Exchange]:
        """What brought events."""
        return [one for one in self.exchanges if "/flags" not in one.path]


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked_at = time.monotonic()
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            answer = httpx.request(self.command, relay.target + self.path, headers=headers, content=body, timeout=60)
            lose, relay.before_answer = relay.before_answer, None
            if lose is not None:
                lose()
                self.close_connection = True
                return
            retry_after = float(answer.headers.get("retry-after", "0"))
            relay.exchanges.append(
                Exchange(self.path, dict(self.headers), body, answer.status_code, retry_after, asked_at, time.monotonic())
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            then, relay.after_answer = relay.after_answer, None
            if then is not None:
                then()

        do_GET = do_POST  # noqa: N815 -- likewise

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """One in front of a server's address."""
    made = Relay(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
