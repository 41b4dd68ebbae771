"""Objects that ask for a point of a domain: what somebody applies to let an agent do it.

A domain without a row in ``ASKS`` has no object that could ask for it at admission: syscalls,
files and memory are held by other enforcers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from policyc.admission.evaluate import evaluate
from policyc.admission.grants import default_grants
from policyc.admission.manifests import offline, request_of
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.request import Object
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding
from policyc.admission.view import kind_of
from policyc.core.canonical import Json
from policyc.denote.network_policy import FLOW_DOMAINS, flow_ceiling
from policyc.denote.network_policy import permitted as flows_of
from policyc.denote.rbac import permitted as rules_of
from policyc.emit.seccomp import SECCOMP
from policyc.envelope.domains import DOMAINS, MODELS
from policyc.envelope.region import Point, Region
from policyc.kube.images import image
from policyc.kube.workloads import template_of
from policyc.testing.points import labels_of
from policyc.testing.root import PolicyAgent

_RBAC = "rbac.authorization.k8s.io"
_NAME = "policyc-testing"
SETTINGS = offline(Settings())


@dataclass(frozen=True, slots=True)
class Ask:
    """One object that would let an agent do all of ``region``.

    ``reason`` is admission's word for an object that asks for more of this domain than the
    agent has.  ``beside`` are objects that are in the cluster already.
    """

    agent: PolicyAgent
    region: Region
    body: Object
    reason: str
    beside: tuple[Object, ...] = ()

    def refusals(self, day: str = "") -> tuple[Finding, ...]:
        """What admission says against it, which counts at whatever stage the agent is.

        ``day`` is YYYY-MM-DD in UTC, that of the policy root when it is not given.
        """
        root = self.agent.root
        view = root.cluster
        for body in self.beside:
            view = view.after(request_of(body))
        verdict = evaluate(request_of(self.body), root.bundle, view, SETTINGS, day or root.today)
        name = self.agent.name
        return tuple(f for f in verdict.findings if (f.reason, f.agent) == (self.reason, name))


def ceiling(agent: PolicyAgent, domain: str) -> Region:
    """The most that an agent may do: its envelope, and what every agent has.

    That is DNS, discovery in the API, the calls that start a container, and those that no recording shows.  Of the compiler's
    envelope: what admission was given is what is to be judged.
    """
    envelope = agent.envelope.on(agent.root.today)
    if domain in FLOW_DOMAINS:
        return flow_ceiling(envelope)[domain]
    own = envelope.domains[domain]
    match domain:
        case "kube":
            return own | default_grants().kube
        case "kube_url":
            return own | default_grants().urls
        case "syscalls":
            return own | SECCOMP.ceiling(envelope)[domain]
    return own


def ask(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    """The object that asks for a point; None where no object can."""
    make = ASKS.get(domain)
    return make(agent, domain, point) if make is not None and agent.workload is not None else None


def _flow(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    """A NetworkPolicy for the agent's pods with the one flow in it."""
    subject = agent.envelope.subject
    assert subject.workload is not None
    direction, _, kind = domain.partition("_")
    side = "to" if direction == "egress" else "from"
    peer: Json = _block(point["address"]) if kind == "ip" else _pods(point)
    port: Json = {"protocol": point["protocol"].upper(), "port": int(point["port"])}
    spec: dict[str, Json] = {
        "podSelector": {"matchLabels": dict(subject.pod_labels)},
        "policyTypes": [direction.capitalize()],
        direction: [{side: [peer], "ports": [port]}],
    }
    namespace = subject.workload.namespace
    region = flows_of(spec, namespace)[domain]
    if point["port"] == "0" or point not in region:
        return None
    body = _object("networking.k8s.io/v1", "NetworkPolicy", namespace, spec=spec)
    return Ask(agent, region, body, "NP_WIDENS")


def _block(address: str) -> Json:
    return {"ipBlock": {"cidr": f"{address}/{128 if ':' in address else 32}"}}


def _pods(point: Point) -> Json:
    """The pods with the point's labels, and with whatever others."""
    return {f"{f}Selector": {"matchLabels": {**labels}} for f, labels in labels_of(point).items()}


def _grant(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    """A role with the one request in it, which is bound to the agent's account already."""
    namespace = "" if domain == "kube_url" else point["namespace"]
    if not all(point.get(axis, "x") for axis in ("verb", "resource", "url")):
        return None  # no request has none
    rule: dict[str, Json] = {"verbs": [point["verb"]]}
    if domain == "kube_url":
        rule["nonResourceURLs"] = [point["url"]]
    else:
        rule |= {"apiGroups": [point["group"]], "resources": [point["resource"]]}
        rule |= {"resourceNames": [point["name"]]} if point["name"] else {}
    region = rules_of([rule], namespace)[domain == "kube_url"]
    if point not in region:
        return None  # a request that no client can make
    kind = "Role" if namespace else "ClusterRole"
    space, name = agent.envelope.subject.service_account.split("/")
    subject: Json = {"kind": "ServiceAccount", "namespace": space, "name": name}
    ref: Json = {"apiGroup": _RBAC, "kind": kind, "name": _NAME}
    version = f"{_RBAC}/v1"
    bound = _object(version, f"{kind}Binding", namespace, subjects=[subject], roleRef=ref)
    body = _object(version, kind, namespace, rules=[rule])
    return Ask(agent, region, body, "RBAC_WIDENS", (bound,))


def _object(version: str, kind: str, namespace: str, **fields: Json) -> Object:
    metadata: dict[str, Json] = {"name": _NAME}
    metadata |= {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _image(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    try:
        found = image(point["reference"])
    except ValueError:
        return None
    if not found.digest or found.pinned != point["reference"]:
        return None
    return _in_container(agent, domain, point, "IMAGE", "image", point["reference"])


def _capability(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    capabilities: Json = {"drop": ["ALL"], "add": [point["name"]]}
    security: Json = {**_context(agent), "capabilities": capabilities}
    return _in_container(agent, domain, point, "CAPABILITY", "securityContext", security)


def _executable(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    return _in_container(agent, domain, point, "COMMAND", "command", [point["path"]])


def _host(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    if point["protocol"] != "tcp" or point["port"] == "0":
        return None
    url = f"https://{point['host']}:{point['port']}"
    variable: Json = {"name": "POLICYC_TESTING_URL", "value": url}
    return _in_container(agent, domain, point, "EGRESS", "env", [variable])


def _model(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    named = MODELS.single({"model": point["model"]})
    if not point["model"]:
        return None  # an empty list asks for nothing
    if point not in ceiling(agent, domain) and named & ceiling(agent, domain):
        return None  # by another gateway: an object says the model only
    return _in_annotation(agent, domain, point, "MODEL", "policyc.dev/models", point["model"])


def _tool(agent: PolicyAgent, domain: str, point: Point) -> Ask | None:
    if not (point["server"] and point["tool"]):
        return None
    text = f"{point['server']}/{point['tool']}"
    return _in_annotation(agent, domain, point, "TOOL", "policyc.dev/tools", text)


def _in_container(
    agent: PolicyAgent, domain: str, point: Point, reason: str, field: str, value: Json
) -> Ask:
    body = copy.deepcopy(agent.workload or {})
    agent.pod_of(body)[1][field] = value
    return Ask(agent, DOMAINS[domain].single(point), body, reason)


def _in_annotation(
    agent: PolicyAgent, domain: str, point: Point, reason: str, key: str, text: str
) -> Ask:
    body = copy.deepcopy(agent.workload or {})
    metadata = _template(body).setdefault("metadata", {})
    assert isinstance(metadata, dict)
    known = metadata.get("annotations")
    metadata["annotations"] = {**(known if isinstance(known, dict) else {}), key: text}
    return Ask(agent, DOMAINS[domain].single(point), body, reason)


def _context(agent: PolicyAgent) -> Object:
    found = agent.pod_of(agent.workload or {})[1].get("securityContext")
    return found if isinstance(found, dict) else {}


def _template(body: Object) -> Object:
    row = kind_that_starts_pods(*kind_of(body))
    template = template_of(row, body) if row is not None else None
    assert isinstance(template, dict)
    return template


ASKS: Mapping[str, Callable[[PolicyAgent, str, Point], Ask | None]] = {
    **dict.fromkeys(FLOW_DOMAINS, _flow),
    "kube": _grant,
    "kube_url": _grant,
    "image": _image,
    "capabilities": _capability,
    "exec": _executable,
    "egress_host": _host,
    "models": _model,
    "tools": _tool,
}
"""Domain -> how an object asks for a point of it."""
