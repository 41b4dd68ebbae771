"""Admission for tests: three agents, a cluster that fits them, and requests about them.

``research`` (enforce) may get ConfigMaps, ``summary`` (enforce) may not use the API at
all, ``digest`` (audit) is a CronJob.  The policy is in tests/cases/admission/research.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.request import Operation, Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Verdict
from policyc.admission.view import View
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind
from policyc.kube.yaml import load
from policyc.pipeline.compile import compile_root
from support.samples import ROOT

TODAY = "2026-09-01"
USER = "kubernetes-admin"
IMAGE = "registry.example.com/agents/research@sha256:" + "ab" * 32
SETTINGS = Settings(operators=frozenset({"system:serviceaccount:policyc-system:policyc"}))
PLURALS = {
    row.kind: row.kind.lower() + ("es" if row.kind == "Sandbox" else "s") for row in WORKLOAD_KINDS
}
"""Kind -> plural, of the kinds that start pods."""

Json = Any  # tests build and break documents of every shape


@cache
def files() -> dict[str, bytes]:
    """The output folder of the example policy: what a webhook would be given."""
    compiled = compile_root(
        ROOT / "tests" / "cases" / "admission" / "research", as_of=date.fromisoformat(TODAY)
    )
    assert compiled.ok
    return dict(compiled.files)


@cache
def bundle() -> Bundle:
    return read_bundle(files(), serial=1)


def cluster() -> list[Json]:
    """The objects of a cluster in which the agents run as they should."""
    bodies: list[Json] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        }
        for name in ("agents", "mcp", "kube-system", "default", "policyc-system")
    ]
    bodies += [
        copy.deepcopy(load(data))
        for path, data in files().items()
        if path.endswith(".yaml")
        and not path.endswith("pod-security.yaml")
        and not path.startswith("_cluster/")  # what the API server judges without us
    ]
    bodies.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "mcp"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080}]},
        }
    )
    return bodies


def view(*more: Json) -> View:
    """That cluster, with more objects (which replace those of the same name)."""
    return View.of([*cluster(), *more])


def pod(agent: str = "research") -> Json:
    """A pod of the agent as the API server would hand it over: compliant."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{agent}-1", "namespace": "agents", "labels": dict(bundle().agents[agent].envelope.subject.pod_labels)},
        "spec": {
            "serviceAccountName": agent,
            "automountServiceAccountToken": agent == "research",
            "runtimeClassName": "gvisor",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost", "localhostProfile": f"policyc/{agent}.json"}},
            "containers": [
                {
                    "name": "agent",
                    "image": IMAGE,
                    "resources": {"limits": {"memory": "256Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "privileged": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }  # fmt: skip


def kind(name: str) -> WorkloadKind:
    """The row of a kind that starts pods."""
    return next(row for row in WORKLOAD_KINDS if row.kind == name)


def in_kind(row: WorkloadKind, body: Json) -> Json:
    """An object of a kind with the pod as its template; the name is the agent's account's."""
    if not row.template:
        return copy.deepcopy(body)
    template = {
        "metadata": {"labels": body["metadata"].get("labels", {})},
        "spec": copy.deepcopy(body["spec"]),
    }
    inner: Json = template
    for key in reversed(row.template):
        inner = {key: inner}
    name = body["metadata"]["name"].rsplit("-", 1)[0]
    return {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"name": name, "namespace": "agents"}, **inner}  # fmt: skip


def request(
    body: Json,
    operation: str = "CREATE",
    old: Json = None,
    *,
    resource: str = "",
    subresource: str = "",
    user: str = USER,
    groups: Iterable[str] = ("system:authenticated",),
    dry_run: bool = False,
) -> Request:
    """The request that creates ``body``, changes ``old`` into it, or deletes ``old``."""
    subject = body if body is not None else old
    group, _, version = ("/" + subject["apiVersion"]).rpartition("/")
    metadata = subject.get("metadata") or {}
    plural = resource or PLURALS.get(subject["kind"], subject["kind"].lower() + "s")
    return Request(
        uid="3f0c9d3e-0000-4000-8000-000000000001",
        operation=Operation(operation),
        group=group.strip("/"),
        version=version,
        kind=subject["kind"],
        resource="networkpolicies" if subject["kind"] == "NetworkPolicy" else plural,
        resource_group=group.strip("/"),
        subresource=subresource,
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        user=user,
        groups=tuple(groups),
        object=copy.deepcopy(body),
        old=copy.deepcopy(old),
        dry_run=dry_run,
    )


def judge(
    asked: Request, at: View | None = None, settings: Settings = SETTINGS, today: str = TODAY
) -> Verdict:
    """The verdict on a request in a cluster (by default the one that fits)."""
    return evaluate(asked, bundle(), at if at is not None else view(), settings, today)


def reasons(verdict: Verdict) -> set[str]:
    """Why it is denied."""
    return {finding.reason for finding in verdict.denials}
