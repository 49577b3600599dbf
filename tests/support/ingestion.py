"""The tracking routes without a socket: a log in memory, and a client that speaks ASGI."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace_core.errors import MillraceError
from millrace_eventlog.outcomes import outcome_of
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import LogRecord
from millrace_ingestion.app import App
from millrace_ingestion.outcomes import Outcomes
from millrace_ingestion.settings import IngestionSettings
from millrace_ingestion.tenant_limits import TenantLimits
from millrace_ingestion.wiring import build
from millrace_records.cache.memory import memory_ports
from millrace_records.ports import Tenant
from millrace_service.health import Health
from millrace_service.metrics import Metrics

NOW = 1_771_243_200_000
"""2026-02-16T12:00:00Z, when every request of these tests arrives."""


class MemoryLog:
    """A log that keeps what it is given, or fails as it is told to."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.failure: MillraceError | None = None
        self.hangs = False

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """Keep the records."""
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        self.records.extend(records)
        return "log"

    async def ping(self) -> None:
        """Fail as an append would."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing to close."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the stored lines say."""
        return [json.loads(record.line) for record in self.records]


@dataclass
class Reply:
    """An answer of the application."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def body(self) -> Any:
        """The JSON that it holds."""
        return json.loads(self.text)

    def header(self, name: str) -> str | None:
        """One header, by its name in lower case."""
        return self.headers.get(name)


@dataclass
class Tracker:
    """A client of one application."""

    app: App
    log: MemoryLog
    metrics: Metrics
    health: Health
    outcomes: Outcomes
    peer: str = "203.0.113.77"
    default_headers: dict[str, str] = field(default_factory=dict)
    limits: TenantLimits | None = None

    def settle(self, *tenants: Tenant) -> None:
        """These tenants have these settings from now on, as if the records had told."""
        assert self.limits is not None
        self.limits.settle(tenants)

    async def request(
        self,
        method: str,
        path: str,
        chunks: Sequence[bytes] = (b"",),
        headers: Mapping[str, str] | None = None,
        *,
        disconnects: bool = False,
    ) -> Reply | None:
        """Send a request, whose client may leave behind the last chunk; None when there was no answer."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "client": (self.peer, 50_000),
            "headers": [
                (name.lower().encode(), value.encode("latin-1"))
                for name, value in {**self.default_headers, **(headers or {})}.items()
            ],
        }
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        if disconnects:
            messages.append({"type": "http.disconnect"})
        else:
            messages[-1]["more_body"] = False
        sent: list[Any] = []

        async def receive() -> Any:
            if not messages:
                await asyncio.Event().wait()
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        if not sent:
            return None
        headers_out = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], headers_out, b"".join(message["body"] for message in sent[1:]))

    async def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Post bytes, text or anything that is JSON; header names are written with underscores."""
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        reply = await self.request("POST", path, [body], {name.replace("_", "-"): value for name, value in headers.items()})
        assert reply is not None
        return reply

    async def line(self, event: Mapping[str, Any], **headers: str) -> dict[str, Any]:
        """Post this event, which has to be accepted; its stored line."""
        reply = await self.post("/track", {**EVENT, **event}, **headers)
        assert reply.status == 200, reply.text
        return self.log.lines[-1]

    async def told(self) -> list[tuple[str, str, str, str, int, list[str]]]:
        """What the log is told of events that are not accepted: tenant, outcome, reason, protocol, events, ids."""
        before = len(self.log.records)
        await self.outcomes.flush()
        records = [*self.log.records[before:]]
        del self.log.records[before:]
        told = [outcome_of(record) for record in records]
        return sorted((one.customer_id, one.outcome, one.reason, one.protocol, one.events, one.sample) for one in told)

    def counted(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


EVENT = {"customer_id": "demo", "visitor_id": "v1", "event_type": "click"}


def tracker(clock: Callable[[], int] = lambda: NOW, **settings: Any) -> Tracker:
    """An application of its own on a log of its own."""
    log, metrics, health = MemoryLog(), Metrics(), Health()
    service = build(IngestionSettings(**settings), log, memory_ports(2**20), metrics, health, clock=clock)
    return Tracker(service.app, log, metrics, health, service.outcomes, limits=service.limits)
