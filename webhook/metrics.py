"""Prometheus metrics of one process, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from policyc.admission.verdict import Verdict

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class _Info(Collector):
    def __init__(self, name: str, help: str, read: Callable[[], dict[str, str]]) -> None:
        self._name, self._help, self._read = name, help, read

    def collect(self) -> Iterable[Metric]:
        labels = self._read()
        family = GaugeMetricFamily(self._name, self._help, labels=list(labels))
        family.add_metric(list(labels.values()), 1)
        return [family]


class Metrics:
    """Counters that the hot path feeds, and gauges that are read when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._decisions = Counter(
            "policyc_admission_decisions",
            "Decisions by path, verdict and reason; a decision counts once for each reason",
            ["path", "verdict", "reason"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "policyc_admission_seconds",
            "From the head of a request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rejected = Counter(
            "policyc_http_rejected",
            "Requests that no API server sends, by status",
            ["status"],
            registry=self._registry,
        )
        self.disconnected = self.counter("http_disconnected", "Clients that left before the answer")
        self.evicted = self.counter("http_evicted", "Idle connections closed to make room")
        self._children: dict[tuple[str, str, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def counter(self, name: str, help: str) -> Counter:
        return Counter(f"policyc_{name}", help, registry=self._registry)

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """A value that is read when the metrics are asked for."""
        Gauge(f"policyc_{name}", help, registry=self._registry).set_function(read)

    def gauges(
        self, name: str, help: str, label: str, read: Mapping[str, Callable[[], float]]
    ) -> None:
        """The same for each value of a label."""
        gauge = Gauge(f"policyc_{name}", help, [label], registry=self._registry)
        for value, function in read.items():
            gauge.labels(value).set_function(function)

    def info(self, name: str, help: str, read: Callable[[], dict[str, str]]) -> None:
        """A metric whose labels are the news; always 1."""
        self._registry.register(_Info(f"policyc_{name}_info", help, read))

    def decided(self, path: str, verdict: Verdict, seconds: float) -> None:
        word = "allow" if verdict.allowed else "deny"
        for reason in {finding.reason for finding in verdict.findings} or ("",):
            self._counter(path, word, reason).inc()
        if path not in self._histograms:
            self._histograms[path] = self._latency.labels(path)
        self._histograms[path].observe(seconds)

    def rejected(self, status: int) -> None:
        self._rejected.labels(str(status)).inc()

    def text(self) -> bytes:
        """Prometheus text format 0.0.4."""
        return generate_latest(self._registry)

    def _counter(self, path: str, verdict: str, reason: str) -> Counter:
        key = (path, verdict, reason)
        if key not in self._children:  # looking up a child by its labels takes a lock and 2 us
            self._children[key] = self._decisions.labels(*key)
        return self._children[key]
