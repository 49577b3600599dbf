"""The client that sends many events: patience with a busy server, and verdicts in the order of the batches."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from millrace_core.errors import InvalidInput, Unavailable
from millrace_standalone.tracking import TrackingClient
from tests.support.server import free_port

Answer = Callable[[list[Any]], tuple[int, dict[str, str], dict[str, Any]]]


@contextmanager
def _server(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
            status, headers, told = answer(json.loads(body)["events"])
            text = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the base class)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _accepted(events: list[Any], errors: list[dict[str, Any]] | None = None) -> tuple[int, dict[str, str], dict[str, Any]]:
    return 200, {}, {"events_accepted": len(events) - len(errors or []), "errors": errors or []}


def test_verdicts_come_in_the_order_of_the_batches_with_their_marks() -> None:
    with _server(_accepted) as url, TrackingClient(url) as client:
        verdicts = list(client.send_all((number, [b"{}"] * number) for number in range(1, 20)))

    assert [(one.mark, one.accepted) for one in verdicts] == [(number, number) for number in range(1, 20)]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_that_it_names(status: int) -> None:
    asked: list[Any] = []

    def answer(events: list[Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        asked.append(events)
        return (status, {"retry-after": "0"}, {}) if len(asked) < 3 else _accepted(events)

    with _server(answer) as url, TrackingClient(url) as client:
        verdict = client.send("mark", [b'{"n":1}'])

    assert verdict.accepted == 1
    assert asked == [[{"n": 1}]] * 3


def test_a_batch_that_is_too_large_is_sent_in_halves_and_refusals_keep_their_place() -> None:
    def answer(events: list[Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        if len(events) > 2:
            return 413, {}, {"code": "too_large", "message": "too large"}
        bad = [index for index, event in enumerate(events) if event["n"] == 5]
        return _accepted(events, [{"index": index, "event_id": None, "code": "bad", "message": "five"} for index in bad])

    with _server(answer) as url, TrackingClient(url) as client:
        verdict = client.send(None, [json.dumps({"n": number}).encode() for number in range(7)])

    assert verdict.accepted == 6
    assert [(one.index, one.code) for one in verdict.refusals] == [(5, "bad")]


def test_a_single_event_that_is_too_large_is_refused_alone() -> None:
    with _server(lambda _: (413, {}, {"code": "too_large", "message": "too large"})) as url, TrackingClient(url) as client:
        verdict = client.send(None, [b"{}"])

    assert [(one.index, one.code) for one in verdict.refusals] == [(0, "too_large")]


def test_any_other_answer_ends_it_with_the_reason() -> None:
    with (
        _server(lambda _: (403, {}, {"code": "forbidden", "message": "not yours"})) as url,
        TrackingClient(url) as client,
        pytest.raises(InvalidInput, match="not yours"),
    ):
        list(client.send_all((number, [b"{}"]) for number in range(5)))


def test_nobody_there_ends_it_soon_with_what_to_do() -> None:
    with (
        TrackingClient(f"http://127.0.0.1:{free_port()}", patience=0.3) as client,
        pytest.raises(Unavailable, match="millrace up"),
    ):
        client.send(None, [b"{}"])
