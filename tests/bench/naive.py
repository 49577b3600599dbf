"""The baseline of the HTTP benchmarks: the same two routes as most people would write them, on the same log.

FastAPI, pydantic models, and one append awaited an event with the same durability. Run as a server:

    python -m tests.bench.naive DATA_DIR PORT
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from millrace_core.ids import new_id
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogWriter
from millrace_eventlog.records import LogRecord
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics


class Event(BaseModel):
    """An event as the contract documents it."""

    customer_id: str
    event_type: str
    event_name: str | None = None
    visitor_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    page_url: str | None = None
    referrer: str | None = None


class Stored(Event):
    """What the naive server adds."""

    event_id: str
    received_at: str


class Batch(BaseModel):
    """A batch as the contract documents it."""

    events: list[Event]


class Answer(BaseModel):
    """The documented answer."""

    success: bool
    events_accepted: int
    events_rejected: int
    message: str


async def _append(writer: LogWriter, event: Event) -> None:
    received = now_ms()
    event_id = new_id(received)
    stored = Stored(event_id=event_id, received_at=iso_time(received), **event.model_dump())
    line = stored.model_dump_json().encode()
    await writer.append([LogRecord(event.customer_id, event_id, received, "native", "", line)])


def create_app(data_dir: Path) -> FastAPI:
    """The naive server on a log of its own."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_log(LogSettings(), data_dir, Metrics()) as log:
            app.state.writer = log.writer
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/track")
    async def track(event: Event, request: Request) -> Answer:
        await _append(request.app.state.writer, event)
        return Answer(success=True, events_accepted=1, events_rejected=0, message="Event accepted")

    @app.post("/track/batch")
    async def track_batch(batch: Batch, request: Request) -> Answer:
        for event in batch.events:
            await _append(request.app.state.writer, event)
        count = len(batch.events)
        return Answer(success=True, events_accepted=count, events_rejected=0, message=f"Processed {count} events, rejected 0")

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
