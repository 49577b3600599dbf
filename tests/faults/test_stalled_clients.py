"""Clients that stop in the middle of something hold neither a connection nor memory; what is no HTTP gets our error body."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server

_DEADLINE = 40.0

pytestmark = [pytest.mark.faults, pytest.mark.minutes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("stalled") / "data", {"MILLRACE_INGEST_BODY_SECONDS": "1"})
    made.start()
    yield made
    assert made.stop() == 0


def _answer_until_closed(server: Server, sent: bytes) -> bytes:
    """What the server says to these bytes until it hangs up, which it has to do."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=_DEADLINE) as client:
        client.sendall(sent)
        parts = []
        while part := client.recv(65_536):
            parts.append(part)
        return b"".join(parts)


def _connections(server: Server) -> int:
    count = 0
    for each in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += each.readlink().name.startswith("socket:")
    return count


NO_HTTP = [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"POST /track HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"GET /health?\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_is_an_error_of_the_same_shape(server: Server, sent: bytes) -> None:
    head, _, body = _answer_until_closed(server, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json")
    error = json.loads(body)
    assert error.keys() == {"success", "code", "message", "detail", "error", "request_id"}
    assert error["code"] == "invalid_http"


def test_headers_that_do_not_end_end_the_connection(server: Server) -> None:
    assert b'"headers_timeout"' in _answer_until_closed(server, b"GET / HTTP/1.1\r\nHost: local")


def test_a_connection_without_a_request_is_closed(server: Server) -> None:
    assert _answer_until_closed(server, b"") == b""


def test_a_body_that_does_not_come_ends_the_connection(server: Server) -> None:
    answer = _answer_until_closed(server, b"POST /track HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
    assert b'"body_timeout"' in answer


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell a process's connections")
def test_a_stream_whose_client_reads_nothing_is_given_up_with_its_socket(server: Server) -> None:
    before = _connections(server)
    with contextlib.closing(socket.socket()) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", server.port))
        lazy.sendall(b"GET /events/stream/lazy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        event = {"customer_id": "lazy", "visitor_id": "v", "event_type": "e", "event_name": "x" * 250}
        deadline = time.monotonic() + _DEADLINE
        with httpx.Client(base_url=server.url, timeout=30, headers={"Connection": "close"}) as client:
            while "client_does_not_read" not in server.log.read_text() and time.monotonic() < deadline:
                # A message of 200 kB every tenth of a second, until a socket takes no more.
                client.post("/track/batch", json={"events": [event] * 500}).raise_for_status()
                time.sleep(0.1)
        while _connections(server) > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _connections(server) <= before
    assert "client_does_not_read" in server.log.read_text()
    assert "returned without completing response" not in server.log.read_text()
