"""The baseline of the HTTP benchmarks: the same two routes as most people would write them, on the same log.

FastAPI, pydantic models, and one append awaited an event with the same durability: of the embedded log, or where
``MILLRACE_LOG_URL`` names a Kafka, ``send_and_wait`` of a producer with the settings of ours. Run as a server:

    python -m tests.bench.naive DATA_DIR PORT
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from millrace_core.ids import new_id
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.kafka.options import KafkaOptions
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


Store = Callable[[Stored], Awaitable[object]]


@asynccontextmanager
async def _embedded(settings: LogSettings, data_dir: Path) -> AsyncIterator[Store]:
    async with open_log(settings, data_dir, Metrics()) as log:

        async def append(event: Stored) -> object:
            line = event.model_dump_json().encode()
            return await log.writer.append([LogRecord(event.customer_id, event.event_id, now_ms(), "native", "", line)])

        yield append


@asynccontextmanager
async def _kafka(settings: LogSettings) -> AsyncIterator[Store]:
    options = KafkaOptions.of(settings)
    producer = AIOKafkaProducer(**options.client, acks="all", enable_idempotence=True, compression_type="lz4")
    async with producer:

        async def send(event: Stored) -> object:
            key = f"{event.customer_id}:{event.visitor_id}".encode()
            sent: object = await producer.send_and_wait(options.topic, event.model_dump_json().encode(), key)
            return sent

        yield send


def _opened(data_dir: Path) -> AbstractAsyncContextManager[Store]:
    settings = LogSettings()
    return _embedded(settings, data_dir) if settings.log_url is None else _kafka(settings)


def _stored(event: Event) -> Stored:
    received = now_ms()
    return Stored(event_id=new_id(received), received_at=iso_time(received), **event.model_dump())


def create_app(data_dir: Path) -> FastAPI:
    """The naive server on the log that the settings name."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(data_dir) as store:
            app.state.store = store
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/track")
    async def track(event: Event, request: Request) -> Answer:
        await request.app.state.store(_stored(event))
        return Answer(success=True, events_accepted=1, events_rejected=0, message="Event accepted")

    @app.post("/track/batch")
    async def track_batch(batch: Batch, request: Request) -> Answer:
        for event in batch.events:
            await request.app.state.store(_stored(event))
        count = len(batch.events)
        return Answer(success=True, events_accepted=count, events_rejected=0, message=f"Processed {count} events, rejected 0")

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
