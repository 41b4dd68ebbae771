"""Prometheus metrics of one process, in a registry of their own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

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


class _Decided(Collector):
    """Decisions and how long they took, counted in plain numbers.

    The library's counters take locks, 20 us a decision; these have one writer, the event loop,
    and are read on it too.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, path: str, verdict: Verdict, seconds: float) -> None:
        word = "allow" if verdict.allowed else "deny"
        for reason in {finding.reason for finding in verdict.findings} or ("",):
            key = (path, word, reason)
            self._counts[key] = self._counts.get(key, 0) + 1
        if path not in self._buckets:
            self._buckets[path], self._seconds[path] = [0] * (len(_SECONDS) + 1), 0.0
        self._buckets[path][bisect_left(_SECONDS, seconds)] += 1
        self._seconds[path] += seconds

    def collect(self) -> Iterable[Metric]:
        counts = CounterMetricFamily(
            "policyc_admission_decisions",
            "Decisions by path, verdict and reason; a decision counts once for each reason",
            labels=["path", "verdict", "reason"],
        )
        for key, count in self._counts.items():
            counts.add_metric(key, count)
        times = HistogramMetricFamily(
            "policyc_admission_seconds",
            "From the head of a request to its answer",
            labels=["path"],
        )
        for path, found in self._buckets.items():
            edges = (*map(floatToGoString, _SECONDS), "+Inf")
            sums = [*zip(edges, accumulate(found), strict=True)]
            times.add_metric([path], sums, self._seconds[path])
        return [counts, times]


class Metrics:
    """Counters that the hot path feeds, and gauges that are read when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._decided = _Decided()
        self._registry.register(self._decided)
        self._rejected = Counter(
            "policyc_http_rejected",
            "Requests that no API server sends, by status",
            ["status"],
            registry=self._registry,
        )
        self.disconnected = self.counter("http_disconnected", "Clients that left before the answer")
        self.evicted = self.counter("http_evicted", "Idle connections closed to make room")

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
        self._decided.add(path, verdict, seconds)

    def rejected(self, status: int) -> None:
        self._rejected.labels(str(status)).inc()

    def text(self) -> bytes:
        """Prometheus text format 0.0.4."""
        return generate_latest(self._registry)
