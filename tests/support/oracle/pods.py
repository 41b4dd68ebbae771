"""What a registered agent's pod may be: an evaluator written from Kubernetes' documentation.

It knows envelopes only as JSON documents and reads a pod as the kubelet would: a
container's own setting wins over the pod's, an absent field has its API default
(API reference 1.36).  It is slow and says only what is wrong, as (word, place, value).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = Any  # documents of every shape
Fault = tuple[str, str, str]

TEMPLATES = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "ReplicationController": ("spec", "template"),
    "PodTemplate": ("template",),
    "Sandbox": ("spec", "podTemplate"),
    "SandboxTemplate": ("spec", "podTemplate"),
}
LISTS = ("initContainers", "containers", "ephemeralContainers")
HARMLESS_VOLUMES = ("emptyDir", "configMap", "downwardAPI", "persistentVolumeClaim", "ephemeral")


def faults(body: Json, namespace: str, envelopes: dict[str, Json]) -> set[Fault]:
    """Everything that keeps the object out; empty for what is no agent's."""
    agent, owner = whose(body, namespace, envelopes)
    if agent is None:
        return set()
    template = template_of(body)
    spec = template["spec"]
    named = {spec.get("serviceAccountName"), spec.get("serviceAccount")} - {None, ""}
    account = account_of(spec)
    found: set[Fault] = set()
    if len(named) > 1:
        found.add(("accounts differ", "", str(sorted(named))))
    found |= set(_claims(body, template, agent))
    if f"{namespace}/{account}" != agent["spec"]["subject"]["serviceAccount"]:
        found.add(("account", "", account))
    if owner is not None and owner is not agent:
        found.add(("account of another", "", account))
    if "host" in ((template.get("metadata") or {}).get("labels") or {}):
        found.add(("a label that switches policies off", "", ""))
    found |= set(_pod(body, spec, agent))
    found |= set(_containers(spec, agent))
    found |= set(_volumes(spec, agent))
    return found


def template_of(body: Json) -> Json:
    """The pod of an object; None where it has none."""
    for key in TEMPLATES[body["kind"]]:
        body = (body or {}).get(key)
    return body


def account_of(spec: Json) -> str:
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def whose(body: Json, namespace: str, envelopes: dict[str, Json]) -> tuple[Json, Json]:
    """The agent's envelope, and that of the agent whose workload's name it has; or None."""
    template = template_of(body)
    by_account = {e["spec"]["subject"]["serviceAccount"]: e for e in envelopes.values()}
    by_workload = {
        (w["kind"], w["namespace"], w["name"]): e
        for e in envelopes.values()
        if (w := e["spec"]["subject"].get("workload"))
    }
    owner = by_workload.get((body["kind"], namespace, body["metadata"].get("name")))
    mine = by_account.get(f"{namespace}/{account_of(template['spec'])}")
    return mine or owner or next(bearing(template, namespace, envelopes), None), owner


def bearing(template: Json, namespace: str, envelopes: dict[str, Json]) -> Iterator[Json]:
    """The envelopes of the agents whose network policies would select the pod."""
    labels = ((template.get("metadata") or {}).get("labels") or {}).items()
    for envelope in envelopes.values():
        subject = envelope["spec"]["subject"]
        is_there = subject["workload"]["namespace"] == namespace
        if is_there and subject["podLabels"].items() <= labels:
            yield envelope


def claims(body: Json, template: Json) -> Iterator[tuple[str, str, str]]:
    """Where something says whose it is: the place, the claim, what it says."""
    for place, part in (("object", body), ("template", template)):
        for kind in ("labels", "annotations"):
            texts = ((part or {}).get("metadata") or {}).get(kind) or {}
            for claim in ("agent", "class", "tier"):
                if f"policyc.dev/{claim}" in texts:
                    yield f"{place} {kind}", claim, texts[f"policyc.dev/{claim}"]


def truth(agent: Json) -> dict[str, str]:
    """Claim -> what is true of an agent; nothing is of what is no agent's."""
    subject = agent["spec"]["subject"] if agent else {}
    return {claim: subject.get(claim, "") for claim in ("agent", "class", "tier")}


def _claims(body: Json, template: Json, agent: Json) -> Iterator[Fault]:
    for place, claim, said in claims(body, template):
        if said != truth(agent)[claim]:
            yield (f"claims its {claim}", place, said)


def _pod(body: Json, spec: Json, agent: Json) -> Iterator[Fault]:
    wanted = agent["spec"]["pod"]
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(name):
            yield (name, "", "")
    if wanted["runtimeClass"] and spec.get("runtimeClassName") != wanted["runtimeClass"]:
        yield ("runtime class", "", str(spec.get("runtimeClassName")))
    if spec.get("nodeName") and not _is_scheduled(body):
        yield ("node", "", spec["nodeName"])
    sandbox = (spec.get("securityContext") or {}).get("seccompProfile") or {}
    own = f"policyc/{agent['metadata']['name']}.json"
    if sandbox.get("type", "RuntimeDefault") == "Localhost" and sandbox["localhostProfile"] != own:
        yield ("the sandbox's seccomp", "", sandbox["localhostProfile"])
    if spec.get("hostAliases"):
        yield ("aliases", "", str(spec["hostAliases"]))
    # Without a word of the pod's own its ServiceAccount decides, and that has no token here.
    if spec.get("automountServiceAccountToken") and not _uses_api(agent):
        yield ("token", "", "")


def _is_scheduled(body: Json) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or []
    return body["kind"] == "Pod" and {"type": "PodScheduled", "status": "True"} in conditions


def _uses_api(agent: Json) -> bool:
    domains = agent["spec"]["domains"]
    return bool(domains["kube"] or domains["kube_url"])


def _containers(spec: Json, agent: Json) -> Iterator[Fault]:
    names = [c["name"] for part in LISTS for c in spec.get(part) or []]
    if len(names) != len(set(names)):
        yield ("names twice", "", "")
    pod = spec.get("securityContext") or {}
    for part in LISTS:
        for container in spec.get(part) or []:
            own = container.get("securityContext") or {}
            for word, value in _security({**pod, **_given(own)}, own, agent):
                yield (word, f"{part} {container['name']}", value)
            for word, value in _rest(container, agent):
                yield (word, f"{part} {container['name']}", value)


def _given(context: Json) -> Json:
    return {key: value for key, value in context.items() if value is not None}


def _security(effective: Json, own: Json, agent: Json) -> Iterator[tuple[str, str]]:
    wanted = agent["spec"]["pod"]
    profile = effective.get("seccompProfile") or {}
    name = f"policyc/{agent['metadata']['name']}.json"
    if profile.get("type") != "Localhost" or profile.get("localhostProfile") != name:
        yield "seccomp", str(profile)
    if own.get("privileged"):
        yield "privileged", ""
    if own.get("allowPrivilegeEscalation") is not False:
        yield "escalation", ""
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "drop", ""
    for added in capabilities.get("add") or []:
        yield "add", added
    if wanted["readOnlyRoot"] and own.get("readOnlyRootFilesystem") is not True:
        yield "root filesystem", ""
    if wanted["level"] == "restricted" and effective.get("runAsNonRoot") is not True:
        yield "root", ""
    if wanted["level"] == "restricted" and effective.get("runAsUser") == 0:
        yield "user 0", ""
    if own.get("procMount") not in (None, "Default"):
        yield "proc", ""


def _rest(container: Json, agent: Json) -> Iterator[tuple[str, str]]:
    patterns = [p for box in agent["spec"]["domains"]["image"] for p in box["reference"]]
    image = container["image"]
    name, at, hexes = image.partition("@sha256:")
    if not at or not re.fullmatch("[0-9a-f]{64}", hexes):
        yield "digest", image
    if not any(name.startswith(p.removesuffix("*")) for p in patterns):
        yield "image", image
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield "host port", str(port["hostPort"])
    for variable in container.get("env") or []:
        if variable["name"] in ("LD_PRELOAD", "PYTHONPATH", "NODE_OPTIONS"):
            yield "override", variable["name"]


def _volumes(spec: Json, agent: Json) -> Iterator[Fault]:
    for volume in spec.get("volumes") or []:
        (source,) = (key for key in volume if key != "name")
        if source == "projected":
            for part in volume[source]["sources"]:
                (kind,) = part
                if kind == "serviceAccountToken":
                    if not _uses_api(agent):
                        yield ("projected token", "", volume["name"])
                elif kind not in HARMLESS_VOLUMES:
                    yield ("projected", "", kind)
        elif source not in HARMLESS_VOLUMES:
            yield ("volume", "", f"{volume['name']} {source}")
