"""What is wrong with a workload in its cluster: its pod, its account, its network, what it asks for."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from support.oracle import grants, network, pods
from support.oracle.objects import CLOUD, is_machinery
from support.oracle.pods import LISTS, TEMPLATES, template_of
from support.oracle.world import Fault, Json, World, annotations_of, labels_of, space_of

MIRROR = "kubernetes.io/config.mirror"
ANY_IMAGE = ("image", "digest")
"""Faults that are none in the containers that break-glass users add to a running pod."""
SECCOMP = "/var/lib/kubelet/seccomp"


def workloads(request: Json, world: World) -> Iterator[Fault]:
    """All faults of an object that starts pods."""
    body = request["object"]
    if body is None or template_of(body) is None:
        return
    template, namespace = template_of(body), request["namespace"]
    envelope, owner = pods.whose(body, namespace, world.envelopes)
    agent = envelope["metadata"]["name"] if envelope else ""
    if MIRROR in annotations_of(template) and not _is_node(request):
        yield Fault(agent, "mirror")
    if not agent:
        yield from _of_nobody(body, request, world)
        return
    others = [owner["metadata"]["name"]] if owner not in (None, envelope) else []
    for word, place, value in pods.faults(body, namespace, world.envelopes):
        if _is_break_glass(request, world) and place.startswith("ephemeral") and word in ANY_IMAGE:
            continue
        yield Fault(agent, word, place, value)
        if word == "account of another":
            yield from (Fault(other, word, place, value) for other in others)
    for other in pods.bearing(template, namespace, world.envelopes):
        if other is not envelope:
            yield Fault(other["metadata"]["name"], "labels of another")
    yield from _ephemeral(template["spec"], agent, request, world)
    yield from asks(template["spec"], agent, namespace, world)
    yield from grants.account_within(world, agent)
    was = _labels_before(request)
    yield from network.pod_within(world, agent, namespace, labels_of(template), was)
    account = world.get("ServiceAccount", namespace, pods.account_of(template["spec"]))
    for key in CLOUD:
        if annotations_of(account).get(key):
            yield Fault(agent, "cloud role of the account", key)
    yield from _disguised(request, agent, envelope)


def _is_node(request: Json) -> bool:
    return is_machinery(request) and request["userInfo"]["username"].startswith("system:node:")


def _of_nobody(body: Json, request: Json, world: World) -> Iterator[Fault]:
    """What is no agent's claims to be none, plainly is none, and leaves agents' profiles alone."""
    template = template_of(body)
    named = {template["spec"].get(n) for n in ("serviceAccountName", "serviceAccount")} - {None, ""}
    if len(named) > 1:
        yield Fault("", "accounts differ", "", str(sorted(named)))
    for place, claim, said in pods.claims(body, template):
        if said:
            yield Fault("", f"claims its {claim}", place, said)
    if request["namespace"] == world.home:
        return
    for volume in template["spec"].get("volumes") or []:
        path = (volume.get("hostPath") or {}).get("path")
        real = posixpath.normpath(path) if path else ""
        if real == SECCOMP or real.startswith(SECCOMP + "/"):
            yield Fault("", "agents' profiles", volume["name"], path)


def _labels_before(request: Json) -> dict[str, str] | None:
    old = request["oldObject"]
    if request["operation"] != "UPDATE" or not old or template_of(old) is None:
        return None
    return labels_of(template_of(old))


def _is_break_glass(request: Json, world: World) -> bool:
    return request["userInfo"]["username"] in world.break_glass


def _ephemeral(spec: Json, agent: str, request: Json, world: World) -> Iterator[Fault]:
    if not _is_break_glass(request, world):
        for container in spec.get("ephemeralContainers") or []:
            yield Fault(agent, "ephemeral", container["name"])


def _disguised(request: Json, agent: str, envelope: Json) -> Iterator[Fault]:
    """What truly said whose it is must not go."""
    old, new = request["oldObject"], request["object"]
    if request["operation"] != "UPDATE" or not old:
        return
    told = [
        {(p, c) for p, c, said in pods.claims(o, template_of(o)) if said == pods.truth(envelope)[c]}
        for o in (old, new)
    ]
    if request["kind"]["kind"] == "Pod":  # the object is the template
        told = [{(p.replace("object", "template"), c) for p, c in part} for part in told]
    for place, claim in told[0] - told[1]:
        yield Fault(agent, "disguise", place, claim)


def asks(spec: Json, agent: str, namespace: str, world: World) -> Iterator[Fault]:
    """Tools, models and hosts that variables ask for, each against the envelope."""
    for part in LISTS:
        for container in spec.get(part) or []:
            place = f"{part} {container['name']}"
            names = [v["name"] for v in container.get("env") or []]
            for name in {n for n in names if names.count(n) > 1}:
                yield Fault(agent, "a variable twice", place, name)
            for variable in container.get("env") or []:
                for word, value in _variable(variable, agent, namespace, world):
                    yield Fault(agent, word, f"{place} {variable['name']}", value)


def _variable(variable: Json, agent: str, namespace: str, world: World) -> Iterator[tuple[str, str]]:  # fmt: skip
    name = variable["name"]
    if name not in ("AGENT_TOOLS", "MODEL", "API_URL"):
        return
    text, why = _text(variable, namespace, world)
    if why:
        yield why, ""
    if text is None:
        return
    domains = world.envelopes[agent]["spec"]["domains"]
    if name == "AGENT_TOOLS":
        known = {tool for box in domains["tools"] for tool in box["tool"]}
        yield from (("tool", t.strip()) for t in text.split(",") if t.strip() not in known)
    elif name == "MODEL":
        if text not in {m for box in domains["models"] for m in box["model"]}:
            yield "model", text
    elif text.split("//")[1].split("/")[0] not in {h for b in domains["egress_host"] for h in b["host"]}:  # fmt: skip
        yield "host", text


def _text(variable: Json, namespace: str, world: World) -> tuple[str | None, str]:
    """What a variable says, as far as that is known, and why it is not known for good."""
    source = variable.get("valueFrom")
    if source is None:
        return variable["value"], ""
    if "fieldRef" in source:
        return None, "follows a field"
    reference = source.get("configMapKeyRef")
    if reference is None:
        return None, "is in a secret"
    body = world.get("ConfigMap", namespace, reference["name"])
    text = body["data"].get(reference["key"]) if body is not None else None
    if body is not None and not body.get("immutable"):
        return text, "can change"
    return text, "" if text is not None else "is not there"


def config_maps(request: Json, world: World) -> Iterator[Fault]:
    """A ConfigMap gives the agents that read it nothing that it did not give them before."""
    body, namespace = request["object"], request["namespace"]
    if body is None:
        return
    after = world.holding("ConfigMap", namespace, body["metadata"]["name"], body)
    for kind in TEMPLATES:
        for reader in world.all(kind, namespace):
            envelope, _ = pods.whose(reader, space_of(reader), world.envelopes)
            if envelope is not None:
                agent, spec = envelope["metadata"]["name"], template_of(reader)["spec"]
                known = set(asks(spec, agent, namespace, world))
                yield from set(asks(spec, agent, namespace, after)) - known
