"""Workloads of agents, drawn at random: compliant ones after a few changes, good and bad."""

from __future__ import annotations

import copy
import random
from typing import Any

from support.admission import in_kind, kind, pod
from support.oracle.pods import LISTS, TEMPLATES

Json = Any  # objects that are built and broken
ABSENT = object()
POD_FIELDS: dict[str, tuple[object, ...]] = {
    "hostNetwork": (True, False, None),
    "hostPID": (True, False),
    "hostIPC": (True, False),
    "shareProcessNamespace": (True, False),
    "automountServiceAccountToken": (True, False, None, ABSENT),
    "runtimeClassName": ("runc", ABSENT, "gvisor"),
    "nodeName": ("node-1", ""),
    "hostAliases": ([{"ip": "198.51.100.1", "hostnames": ["api.example.com"]}], []),
    "serviceAccountName": ("admin", "summary", "research", ABSENT),
    "serviceAccount": ("admin", "research"),
    "volumes": (
        [{"name": "a", "emptyDir": {}}],
        [{"name": "a", "hostPath": {"path": "/proc"}}],
        [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
        [{"name": "a", "csi": {"driver": "x"}}, {"name": "b", "emptyDir": {}}],
        [{"name": "a", "gitRepo": {"repository": "x"}}],
    ),
    "terminationGracePeriodSeconds": (5,),
    "restartPolicy": ("Always", "OnFailure"),
}
CONTEXT_FIELDS: dict[str, tuple[object, ...]] = {
    "privileged": (True, False, None),
    "allowPrivilegeEscalation": (True, ABSENT, False),
    "readOnlyRootFilesystem": (False, ABSENT, True),
    "runAsNonRoot": (False, True, None),
    "runAsUser": (0, 1000),
    "procMount": ("Unmasked", "Default"),
    "capabilities": (
        {"drop": ["ALL"], "add": ["NET_RAW"]},
        {"drop": ["NET_RAW"]},
        {"drop": ["ALL"], "add": ["cap_sys_admin"]},
        ABSENT,
    ),
    "seccompProfile": (
        {"type": "Unconfined"},
        {"type": "RuntimeDefault"},
        {"type": "Localhost", "localhostProfile": "policyc/other.json"},
        {"type": "Localhost", "localhostProfile": "policyc/./research.json"},
        {"type": "Localhost", "localhostProfile": "policyc/research.json"},
        None,
    ),
}
POD_CONTEXT_FIELDS: dict[str, tuple[object, ...]] = {
    "runAsNonRoot": (False, ABSENT, True),
    "runAsUser": (0, 1000),
    "seccompProfile": ({"type": "Localhost", "localhostProfile": "policyc/research.json"},),
}
CONTAINER_FIELDS: dict[str, tuple[object, ...]] = {
    "image": (
        "registry.example.com/agents/research:1",
        "registry.example.com.evil.io/agents/x@sha256:" + "cd" * 32,
        "registry.example.com/other/x@sha256:" + "cd" * 32,
        "registry.example.com/agents/y@sha256:" + "cd" * 32,
    ),
    "ports": ([{"containerPort": 80, "hostPort": 80}], [{"containerPort": 80}]),
    "env": ([{"name": "LD_PRELOAD", "value": "/x.so"}], [{"name": "TZ", "value": "UTC"}]),
}


def put(target: Json, name: str, value: object) -> None:
    if value is ABSENT:
        target.pop(name, None)
    else:
        target[name] = copy.deepcopy(value)


def changed(rng: random.Random, spec: Json) -> None:
    """One change, anywhere in the pod."""
    which = rng.randrange(4)
    name: str
    if which == 0:
        name, values = rng.choice(sorted(POD_FIELDS.items()))
        put(spec, name, rng.choice(values))
        return
    if which == 1:
        name, values = rng.choice(sorted(POD_CONTEXT_FIELDS.items()))
        put(spec.setdefault("securityContext", {}), name, rng.choice(values))
        return
    container = rng.choice([c for part in LISTS for c in spec.get(part) or []])
    if which == 2:
        name, values = rng.choice(sorted(CONTEXT_FIELDS.items()))
        put(container.setdefault("securityContext", {}), name, rng.choice(values))
    else:
        name, values = rng.choice(sorted(CONTAINER_FIELDS.items()))
        put(container, name, rng.choice(values))


def some_pod(rng: random.Random, names: tuple[str, ...] = ("extra", "agent")) -> Json:
    """A workload of an agent after up to three changes; ``names`` are those of a second container."""
    agent = rng.choice(("research", "summary"))
    body = pod(agent)
    spec = body["spec"]
    if rng.random() < 0.4:
        extra = copy.deepcopy(spec["containers"][0])
        extra["name"] = rng.choice(names)
        spec.setdefault(rng.choice(("initContainers", "containers")), []).append(extra)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        changed(rng, spec)
    return in_kind(kind(rng.choice(sorted(TEMPLATES))), body)
