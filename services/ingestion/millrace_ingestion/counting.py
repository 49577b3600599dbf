"""Metrics of ingestion, added once a request rather than once an event."""

from collections import Counter
from collections.abc import Sequence

import prometheus_client

from millrace_core import metrics as catalogue
from millrace_core.metrics import Metric
from millrace_ingestion.verdicts import Verdicts
from millrace_service.metrics import Metrics


class Counting:
    """The metrics of this process that ingestion writes. Looking a labelled child up takes 2 µs, so children are kept; their
    number is bounded by the caps of the labels."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._payload = metrics.histogram(catalogue.INGEST_PAYLOAD)
        self._counters: dict[tuple[str, str, str], prometheus_client.Counter] = {}
        self._requests: dict[tuple[str, str, str], prometheus_client.Counter] = {}
        self._latencies: dict[str, prometheus_client.Histogram] = {}

    def answered(self, handler: str, method: str, status: int) -> None:
        """A request has its answer."""
        key = (handler, method, f"{status // 100}xx")
        counter = self._requests.get(key)
        if counter is None:
            counter = self._requests[key] = self._metrics.counter(catalogue.HTTP_REQUESTS, *key)
        counter.inc()

    def received(self, wire_bytes: int) -> None:
        """A body was read."""
        self._payload.observe(wire_bytes)

    def stored(self, accepted: Sequence[tuple[str, str]], seconds: float) -> None:
        """Events by tenant and type are durable, so long after their request began."""
        if len(accepted) == 1:
            self._count(catalogue.EVENTS_RECEIVED, *accepted[0], 1)
            self._latency(accepted[0][0], seconds)
            return
        for (tenant, event_type), count in Counter(accepted).items():
            self._count(catalogue.EVENTS_RECEIVED, tenant, event_type, count)
        for tenant in {tenant for tenant, _ in accepted}:
            self._latency(tenant, seconds)

    def dropped(self, verdicts: Verdicts) -> None:
        """Events were rejected or left out, each for its reason."""
        for (tenant, code), count in Counter([*verdicts.refused, *verdicts.left_out]).items():
            self._count(catalogue.EVENTS_DROPPED, tenant, code, count)

    def lost_request(self, reason: str) -> None:
        """A whole request was refused before its events were known: counts as one."""
        self._count(catalogue.EVENTS_DROPPED, "", reason, 1)

    def _count(self, metric: Metric, tenant: str, second: str, count: int) -> None:
        counter = self._counters.get((metric.name, tenant, second))
        if counter is None:
            capped = self._metrics.capped("customer_id", tenant) if tenant else ""
            value = self._metrics.capped("event_type", second) if metric is catalogue.EVENTS_RECEIVED else second
            counter = self._metrics.counter(metric, capped, value)
            if (capped, value) == (tenant, second):
                self._counters[metric.name, tenant, second] = counter
        counter.inc(count)

    def _latency(self, tenant: str, seconds: float) -> None:
        histogram = self._latencies.get(tenant)
        if histogram is None:
            capped = self._metrics.capped("customer_id", tenant)
            histogram = self._metrics.histogram(catalogue.INGESTION_LATENCY, capped)
            if capped == tenant:
                self._latencies[tenant] = histogram
        histogram.observe(seconds)
