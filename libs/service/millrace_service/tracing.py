"""Traces, where a setting asks for them. Nothing of OpenTelemetry is imported without it, and nothing is wrapped."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Literal, Protocol

from pydantic import Field

from millrace_core.errors import StartRefused
from millrace_service.settings import Settings

Kind = Literal["internal", "server", "producer", "consumer"]


class TracingSettings(Settings):
    """Where traces go."""

    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
        description="An OpenTelemetry collector that takes OTLP over HTTP; traces go to its `/v1/traces`. Empty: no traces, at "
        "no cost. Needs `millrace[otel]`. `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES` are heeded.",
        examples=["http://localhost:4318"],
    )
    otlp_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the requests that are traced; one that says in `traceparent` whether it is, is as it says.",
    )


class Span(Protocol):
    """Something that is under way."""

    def set(self, name: str, value: str | float) -> None:
        """Say something about it, by OpenTelemetry's names where there are any."""
        ...

    def rename(self, name: str) -> None:
        """Call it otherwise: what it is may be known at its end only."""
        ...

    def fail(self, reason: str) -> None:
        """It did not do what it was for."""
        ...


class Tracer(Protocol):
    """Makes spans. Cheap enough for every request and every batch, and not for every event."""

    def span(
        self, name: str, kind: Kind = "internal", *, parent: str = "", links: Sequence[str] = (), began: int | None = None
    ) -> AbstractContextManager[Span]:
        """A span until the end of the ``with``; a part of the one that is open, unless ``parent`` names another.

        Args:
            parent: a ``traceparent`` (W3C Trace Context); what is none counts as none.
            links: those of others that it has to do with.
            began: when, in nanoseconds since the epoch; now without it.
        """
        ...

    def current(self) -> str:
        """The ``traceparent`` of the open span; empty where none is open or it is not kept."""
        ...


@asynccontextmanager
async def open_tracer(settings: TracingSettings, service: str, version: str) -> AsyncIterator[Tracer | None]:
    """Sends to the collector of the settings until the end, then what is left; None where none is named. A collector that
    does not answer costs what waits for it, and nothing else.

    Raises:
        StartRefused: a collector is named, and OpenTelemetry is not installed.
    """
    if not settings.otlp_endpoint:
        yield None
        return
    try:
        from millrace_service.otel import opened  # noqa: PLC0415 (only where it is wanted)
    except ImportError as error:
        raise StartRefused("MILLRACE_OTLP_ENDPOINT is set: install millrace[otel]") from error
    async with opened(settings.otlp_endpoint, settings.otlp_ratio, service, version) as tracer:
        yield tracer
