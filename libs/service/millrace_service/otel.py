"""Tracer on OpenTelemetry. Imported only where traces are wanted."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from millrace_service.tracing import Kind, Span

_KINDS: Final = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
}
_EXPORT_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 2.0
_HEADER: Final = "traceparent"


class _OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: str | float) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR, reason)


class OtelTracer:
    """Tracer."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, kind: Kind = "internal", *, parent: str = "", links: Sequence[str] = (), began: int | None = None
    ) -> Iterator[Span]:
        """See Tracer."""
        found = [trace.Link(context) for link in links if (context := self._span_context(link)).is_valid]
        with self._tracer.start_as_current_span(
            name, self._context(parent) if parent else None, _KINDS[kind], links=found, start_time=began
        ) as span:
            yield _OtelSpan(span)

    def current(self) -> str:
        """See Tracer."""
        context = trace.get_current_span().get_span_context()
        if not (context.is_valid and context.trace_flags.sampled):
            return ""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier[_HEADER]

    def _context(self, parent: str) -> Context:
        return self._propagator.extract({_HEADER: parent}, Context())

    def _span_context(self, parent: str) -> trace.SpanContext:
        return trace.get_current_span(self._context(parent)).get_span_context()


@asynccontextmanager
async def opened(endpoint: str, ratio: float, service: str, version: str) -> AsyncIterator[OtelTracer]:
    """See ``open_tracer``."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": f"millrace-{service}", "service.version": version}),
        span_limits=SpanLimits(max_links=128),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1_000))
    try:
        yield OtelTracer(provider.get_tracer("millrace", version))
    finally:
        # Of its own, so that the process does not wait for one that sends to a collector that does not answer.
        closing = threading.Thread(target=provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSE_SECONDS)
