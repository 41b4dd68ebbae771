"""The example policies as a cluster: their workloads, patched as the compiler says."""

from __future__ import annotations

import copy
from functools import cache

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.view import View
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind
from policyc.kube.yaml import load, load_all
from support.admission import Json
from support.samples import ROOT

GENERATED = ROOT / "generated"
CLUSTER = ROOT / "policies" / "cluster"


@cache
def bundle() -> Bundle:
    """The envelopes of generated/."""
    found = {p.relative_to(GENERATED).as_posix(): p.read_bytes() for p in GENERATED.rglob("*.*")}
    return read_bundle(found, serial=1)


def row_of(body: Json) -> WorkloadKind | None:
    return next((row for row in WORKLOAD_KINDS if row.kind == body["kind"]), None)


def _documents() -> list[Json]:
    return [
        document
        for path in sorted(CLUSTER.glob("*.yaml"))
        for document in load_all(path.read_text(encoding="utf-8"))
    ]


def view() -> View:
    """The cluster with everything applied that the compiler made."""
    bodies = [body for body in _documents() if row_of(body) is None]
    bodies += [load(p.read_bytes()) for p in sorted(GENERATED.rglob("*.yaml")) if p.stem != "pod-security"]  # fmt: skip
    spaces = {body["metadata"].get("namespace") for body in bodies} - {None}
    for name in sorted(spaces):
        labels = {"kubernetes.io/metadata.name": name}
        bodies.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})  # fmt: skip
    return View.of(bodies)


def workloads() -> dict[str, Json]:
    """Agent -> its workload, as it stands in the cluster's manifests."""
    found = {body["metadata"]["name"]: body for body in _documents() if row_of(body) is not None}
    return {name: found[name] for name in sorted(bundle().agents) if name in found}


def patched(agent: str) -> Json:
    """The agent's workload after its strategic-merge patch: lists of containers merge by name."""
    patch = load((GENERATED / agent / "pod-security.yaml").read_bytes())
    return _merged(workloads()[agent], patch)


def _merged(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        named = {item["name"]: item for item in new}
        return [_merged(item, named.get(item["name"], {})) for item in old]
    return copy.deepcopy(new)
