"""The background scan: every object of a view, judged as if it were created now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import offline, request_of
from policyc.admission.request import Object, Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level, Verdict
from policyc.admission.view import View
from policyc.core.canonical import Json

_RESULT = {Level.DENY: "fail", Level.WARN: "warn", Level.NOTE: "skip"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One object with its verdict."""

    request: Request
    verdict: Verdict


def scan(
    bodies: Iterable[Object], bundle: Bundle, view: View, settings: Settings, today: str
) -> Iterator[Judged]:
    """Judge each object in a view that holds it: the answer of its own admission, today."""
    for body in bodies:
        request = request_of(body)
        yield Judged(request, evaluate(request, bundle, view, offline(settings), today))


def policy_reports(judged: Iterable[Judged]) -> list[Json]:
    """``wgpolicyk8s.io/v1alpha2`` PolicyReports, one for each namespace, sorted.

    Cluster-scoped objects are in a ClusterPolicyReport.
    """
    by_namespace: dict[str, list[Judged]] = {}
    for one in judged:
        by_namespace.setdefault(one.request.namespace, []).append(one)
    return [_report(space, by_namespace[space]) for space in sorted(by_namespace)]


def _report(namespace: str, judged: list[Judged]) -> Json:
    results: list[Json] = []
    summary: dict[str, Json] = {"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}
    for one in sorted(judged, key=lambda j: (j.request.group, j.request.kind, j.request.name)):
        rows = [_result(one.request, f) for f in one.verdict.findings] or [_passed(one.request)]
        for row in rows:
            summary[str(row["result"])] += 1  # type: ignore[operator]  # counts, begun with 0
        results += rows
    metadata: dict[str, Json] = {"name": "policyc"}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "PolicyReport" if namespace else "ClusterPolicyReport",
        "metadata": metadata,
        "results": results,
        "summary": summary,
    }


def _result(request: Request, finding: Finding) -> dict[str, Json]:
    properties: dict[str, Json] = {"path": finding.path} if finding.path else {}
    if finding.agent:
        properties["agent"] = finding.agent
    return {
        "policy": "policyc",
        "rule": finding.reason,
        "result": _RESULT[finding.level],
        "message": finding.message + (f" ({finding.change})" if finding.change else ""),
        "resources": [_reference(request)],
        "properties": properties,
    }


def _passed(request: Request) -> dict[str, Json]:
    return {
        "policy": "policyc",
        "rule": "envelope",
        "result": "pass",
        "resources": [_reference(request)],
    }


def _reference(request: Request) -> Json:
    found: dict[str, Json] = {
        "apiVersion": f"{request.group}/{request.version}" if request.group else request.version,
        "kind": request.kind,
        "name": request.name,
    }
    if request.namespace:
        found["namespace"] = request.namespace
    return found
