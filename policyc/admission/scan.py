"""The background scan: every object of a view, judged as if it were created now.

What the cluster itself writes is judged as its own: a pod that mirrors a static one has its
Node as owner (kubernetes pkg/kubelet/pod/mirror_client.go, 1.34), and the endpoints of a
Service with a selector are put right by their controller whatever anybody else writes
(https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from policyc.admission.bundle import Bundle
from policyc.admission.checks.agent_resources import GATED, REFERRED
from policyc.admission.checks.claims import MIRROR
from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import offline
from policyc.admission.request import Object, Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level, Verdict
from policyc.admission.view import (
    WATCHED,
    WATCHED_IF_SERVED,
    Kind,
    View,
    annotations_of,
    key_of,
    labels_of,
)
from policyc.catalog.policy_kinds import POLICY_KINDS
from policyc.core.canonical import Json

SCANNED: frozenset[Kind] = WATCHED | WATCHED_IF_SERVED | POLICY_KINDS | GATED | REFERRED
"""What a live scan lists: all that decisions rest on, and all that is judged when it is created.

Secrets are not among them: nothing here reads one.  Nor are Endpoints: a controller mirrors
them into EndpointSlices.
"""
_ENDPOINTS = "system:serviceaccount:kube-system:endpointslice-controller"
_SERVICE_LABEL = "kubernetes.io/service-name"
_RESULT = {Level.DENY: "fail", Level.WARN: "warn", Level.NOTE: "skip"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One object with its verdict."""

    request: Request
    verdict: Verdict


def scan(
    asked: Iterable[Request], bundle: Bundle, view: View, settings: Settings, today: str
) -> Iterator[Judged]:
    """Judge the request that creates each object in a view that holds it: the answer of its own admission, today."""
    for one in asked:
        request = _as_written(one, view)
        yield Judged(request, evaluate(request, bundle, view, offline(settings), today))


def _as_written(request: Request, view: View) -> Request:
    """The request of the part of the cluster that keeps the object as it is, where one does."""
    body = request.subject
    if (request.group, request.kind) == ("", "Pod") and MIRROR in annotations_of(body):
        node = _owner(body, "Node")
        return replace(request, user=f"system:node:{node}", groups=("system:nodes",)) if node else request  # fmt: skip
    service = ""
    if (request.group, request.kind) == ("", "Endpoints"):
        service = key_of(body)[1]
    if (request.group, request.kind) == ("discovery.k8s.io", "EndpointSlice"):
        service = labels_of(body).get(_SERVICE_LABEL, "")
    held = view.get("", "Service", request.namespace, service) if service else None
    spec = held.get("spec") if held is not None else None
    has_selector = isinstance(spec, dict) and bool(spec.get("selector"))
    return replace(request, user=_ENDPOINTS) if has_selector else request


def _owner(body: Object, kind: str) -> str:
    metadata = body.get("metadata")
    found = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for owner in found if isinstance(found, list) else ():
        if isinstance(owner, dict) and owner.get("kind") == kind and owner.get("controller"):
            return str(owner.get("name"))
    return ""


def policy_reports(judged: Iterable[Judged]) -> list[Object]:
    """``wgpolicyk8s.io/v1alpha2`` PolicyReports, one for each namespace, sorted.

    Cluster-scoped objects are in a ClusterPolicyReport.  Every object is counted; those that
    pass are listed only where they are an agent's, so that a report fits into etcd.
    """
    by_namespace: dict[str, list[Judged]] = {}
    for one in judged:
        by_namespace.setdefault(one.request.namespace, []).append(one)
    return [_report(space, by_namespace[space]) for space in sorted(by_namespace)]


def _report(namespace: str, judged: list[Judged]) -> Object:
    results: list[Json] = []
    summary: dict[str, Json] = {"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}
    for one in sorted(judged, key=lambda j: (j.request.group, j.request.kind, j.request.name)):
        rows = [_result(one.request, f) for f in one.verdict.findings] or [_passed(one)]
        for row in rows:
            summary[str(row["result"])] += 1  # type: ignore[operator]  # counts, begun with 0
        results += [row for row in rows if row["result"] != "pass" or one.verdict.agent]
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
        "source": "policyc",
    }


def _passed(judged: Judged) -> dict[str, Json]:
    return {
        "policy": "policyc",
        "rule": "envelope",
        "result": "pass",
        "resources": [_reference(judged.request)],
        "properties": {"agent": judged.verdict.agent},
        "source": "policyc",
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
