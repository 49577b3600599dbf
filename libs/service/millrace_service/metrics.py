"""The metrics of a process: the catalogue of ``millrace_core.metrics`` on one registry, with capped labels."""

from collections.abc import Iterable
from typing import TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from millrace_core import metrics as catalogue
from millrace_core.metrics import Metric

_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)

CAP_PER_LABEL = 200
"""How many values of a label that clients choose are told apart; the rest counts as ``other``."""


class Metrics:
    """All metrics of one process. One object a process; tests make their own."""

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter, which nothing here reads
        self.registry = CollectorRegistry(auto_describe=True)
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.PlatformCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        self._by_name = {metric.name: _make(metric, self.registry) for metric in catalogue.CATALOGUE}
        self._known: dict[str, set[str]] = {}
        for metric in catalogue.CATALOGUE:
            for value in metric.values:
                self._by_name[metric.name].labels(value)

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The counter of these label values, in the order of the catalogue."""
        return self._child(metric, labels, Counter)

    def gauge(self, metric: Metric, *labels: str) -> Gauge:
        """The gauge of these label values, in the order of the catalogue."""
        return self._child(metric, labels, Gauge)

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The histogram of these label values, in the order of the catalogue."""
        return self._child(metric, labels, Histogram)

    def capped(self, label: str, value: str) -> str:
        """The value of a label that clients choose, or ``other`` once its cap is reached."""
        known = self._known.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= CAP_PER_LABEL:
            return catalogue.OTHER
        known.add(value)
        return value

    def exposition(self) -> bytes:
        """The text format of Prometheus, version 0.0.4."""
        return prometheus_client.generate_latest(self.registry)

    def _child(self, metric: Metric, labels: Iterable[str], kind: type[_Kind]) -> _Kind:
        made = self._by_name[metric.name]
        if not isinstance(made, kind):
            raise TypeError(f"{metric.name} is a {metric.kind}")
        values = tuple(labels)
        labelled: _Kind = made.labels(*values) if values else made
        return labelled


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.meaning, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.meaning, metric.labels, registry=registry)
        case "histogram":
            return Histogram(metric.name, metric.meaning, metric.labels, registry=registry, buckets=metric.buckets)
