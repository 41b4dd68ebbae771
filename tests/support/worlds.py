"""Workloads, good and faulty, with the bundle and the cluster that they belong to."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from support import policies
from support.admission import cluster, files, in_kind, kind, pod
from support.pod_faults import FAULTS, Change
from support.samples import ROOT

Json = Any  # documents of the API

_KINDS = "Deployment ReplicaSet StatefulSet DaemonSet Job CronJob ReplicationController PodTemplate"
_IDLE: Mapping[str, Json] = {
    "DaemonSet": {},
    "Job": {"suspend": True},
    "CronJob": {"schedule": "0 0 1 1 *"},
    "PodTemplate": {},
}
"""What keeps a kind from making pods, where it is not ``replicas: 0``."""


@dataclass(frozen=True, slots=True)
class World:
    """A bundle (path -> bytes), and the objects that its agents run beside."""

    bundle: Mapping[str, bytes]
    held: tuple[Json, ...]
    made: Mapping[str, Json]
    """Case -> object, each with a name of its own."""


@cache
def worlds() -> dict[str, World]:
    generated = {
        p.relative_to(policies.GENERATED).as_posix(): p.read_bytes()
        for p in policies.GENERATED.rglob("*.*")
    }
    held = [body for objects in policies.view().objects.values() for body in objects.values()]
    return {
        "research": World(files(), tuple(cluster()), dict(_research())),
        "policies": World(generated, tuple(held), dict(_policies())),
    }


def _research() -> Iterator[tuple[str, Json]]:
    for agent in ("research", "summary"):
        yield f"Pod-{agent}", _named(pod(agent), f"{agent}-good")
    for fault, change in FAULTS.items():
        yield f"Pod-{fault}", _named(_faulty(pod(), change), f"pod-{fault}")
    for name in _KINDS.split():
        for case, change in (("good", None), ("host-network", FAULTS["host-network"])):
            body = pod("summary")
            made = workload(name, _faulty(body, change) if change else body)
            yield f"{name}-{case}", _named(made, f"{name.lower()}-{case}")
    own = workload("Deployment", _faulty(pod(), FAULTS["account-other"]))
    yield "Deployment-account-other", own


def _policies() -> Iterator[tuple[str, Json]]:
    for agent in sorted(policies.workloads()):
        body = policies.patched(agent)
        labels = body["spec"]["template"]["metadata"]["labels"]
        body["spec"] |= {"replicas": 0, "selector": {"matchLabels": labels}}
        yield f"{agent}-good", copy.deepcopy(body)
        for fault, change in FAULTS.items():
            made = copy.deepcopy(body)
            change(made["spec"]["template"]["spec"])
            yield f"{agent}-{fault}", _named(made, f"{agent}-{fault}")


def _faulty(body: Json, change: Change) -> Json:
    change(body["spec"])
    return body


def _named(body: Json, name: str) -> Json:
    body["metadata"] = {**body["metadata"], "name": name}
    return body


def workload(name: str, inner: Json) -> Json:
    """An object of the kind that the API server takes, and that makes no pods."""
    row = kind(name)
    made = in_kind(row, inner)
    template = made
    for key in row.template:
        template = template[key]
    if name in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    labels = template["metadata"]["labels"]
    if name in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        made["spec"]["selector"] = {"matchLabels": labels}
    if name == "ReplicationController":
        made["spec"]["selector"] = labels
    if "spec" in made:
        made["spec"] |= _IDLE.get(name, {"replicas": 0})
    return made


ACCOUNTS = ("admin", "default")
RUNTIMES = ("gvisor", "runc", "kata")
EXAMPLES = ROOT / "policies"
