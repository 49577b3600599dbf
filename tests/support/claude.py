"""A small HTTP server that speaks the protocol of Anthropic's Messages API as the SDK reads it (server-sent events), and
answers what the test says."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from millrace_analytics.ai.claude.open import open_claude
from millrace_analytics.ai.claude.reading import ClaudeModel
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.spending import MemorySpending
from millrace_service.metrics import Metrics

KEY = "sk-ant-of-a-test"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the model."""

    text: str = ""
    tool: dict[str, Any] | None = None
    """The input of a call of ``lookup_values``."""
    stop_reason: str = "end_turn"
    usage: dict[str, Any] = field(default_factory=lambda: {"input_tokens": 1_000, "output_tokens": 100})
    cut_after: int | None = None
    """End the connection after so many events."""
    hold: threading.Event | None = None
    """Awaited before the answer."""
    garbled: bool = False
    """What comes is no JSON."""


@dataclass(frozen=True, slots=True)
class Failing:
    """An answer that is an error."""

    status: int
    kind: str
    headers: dict[str, str] = field(default_factory=lambda: {"retry-after-ms": "1"})


@dataclass(slots=True)
class FakeClaude:
    """The server's address, and what was asked of it."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, replies: tuple[Said | Failing, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.left = list(replies)
        self.fake = FakeClaude(f"http://127.0.0.1:{self.server_address[1]}")

    def handle_error(self, *of: object) -> None:
        """A client that left, which is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        fake, left = self.server.fake, self.server.left
        fake.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        fake.keys.append(self.headers.get("authorization", "") + self.headers.get("x-api-key", ""))
        reply = left[0] if len(left) == 1 else left.pop(0)
        if isinstance(reply, Failing):
            self._fail(reply)
        else:
            self._stream(reply)

    def _fail(self, reply: Failing) -> None:
        body = json.dumps({"type": "error", "error": {"type": reply.kind, "message": "as the test says"}}).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, reply: Said) -> None:
        if reply.hold is not None:
            reply.hold.wait(30)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in list(_events(reply))[: reply.cut_after]:
            data = "{no json" if reply.garbled else json.dumps(event)
            self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def answer(**fields: Any) -> Said:
    """The model's answer in the form that it is asked for."""
    whole = {"outcome": "plan", "plan": "", "sql": "", "reason": "", "options": [], "interpretation": "", "confidence": 0.9}
    given = {name: json.dumps(value) if name == "plan" else value for name, value in fields.items()}
    return Said(json.dumps({**whole, "related": [], **given}))


@contextmanager
def fake_claude(*replies: Said | Failing) -> Iterator[FakeClaude]:
    """Serve these replies, one a request; the last one stays."""
    server = _Server(replies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _events(reply: Said) -> Iterator[dict[str, Any]]:
    begun: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-of-a-test", "content": []}
    begun |= {"stop_reason": None, "stop_sequence": None, "usage": {**reply.usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    if reply.text:
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        half = len(reply.text) // 2
        for part in (reply.text[:half], reply.text[half:]):
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
        yield {"type": "content_block_stop", "index": 0}
    if reply.tool is not None:
        block = {"type": "tool_use", "id": "toolu_1", "name": "lookup_values", "input": {}}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(reply.tool)}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
    reason = "tool_use" if reply.tool is not None else reply.stop_reason
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": reply.usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


@asynccontextmanager
async def claude_at(
    fake: FakeClaude, spending: MemorySpending | None = None, metrics: Metrics | None = None, **settings: Any
) -> AsyncIterator[ClaudeModel]:
    """The adapter, pointed at the server."""
    given = {"anthropic_api_key": KEY, "anthropic_base_url": fake.url, "ai_retries": 1, "ai_seconds": 20.0, **settings}
    async with open_claude(AiSettings.load(**given), spending or MemorySpending(), metrics or Metrics()) as model:
        yield model
