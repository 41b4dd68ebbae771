"""Group H: who an object says it is, and namespaces that would step aside."""

from __future__ import annotations

from support.admission import IMAGE, in_kind, kind, pod
from support.cases.row import Json, Row, Server, row
from support.widening import body, labelled

CLASS = {"policyc.dev/class": "research-agents"}
IGNORE = {"policyc.dev/ignore": "true"}
WATCH = {"policyc.dev/watch": "yes"}
LEVEL = "pod-security.kubernetes.io/enforce"


def claims(field: str, key: str, value: str, *, outside: bool = False) -> Json:
    """A pod, or its Deployment, that says something of itself."""
    made = pod()
    body_ = in_kind(kind("Deployment"), made) if outside else made
    body_["metadata"][field] = {**body_["metadata"].get(field, {}), key: value}
    return body_


FALSE = {
    "H2": ("policyc.dev/class", "admin-agent"),
    "H2-agent": ("policyc.dev/agent", "summary"),
    "H2-tier": ("policyc.dev/tier", "high"),
}
CLAIMS = [
    *(
        row(f"{number}-{field}-outside", claims(field, *claim, outside=True), "CLASS_MISMATCH")
        for number, claim in FALSE.items()
        for field in ("labels", "annotations")
    ),
    *(
        row(f"{number}-annotations", claims("annotations", *claim), "CLASS_MISMATCH")
        for number, claim in FALSE.items()
    ),
    row("H2-labels", claims("labels", *FALSE["H2"]), "CLASS_MISMATCH"),
    row("H2-tier-labels", claims("labels", *FALSE["H2-tier"]), "CLASS_MISMATCH"),
    row(
        "H2-dressed", labelled(pod("digest"), **{"policyc.dev/agent": "research"}), "SA_NOT_ALLOWED"
    ),
    row("H2-true", labelled(pod(), **CLASS, **{"policyc.dev/tier": "low"})),
]


def namespace(name: str, labels: Json) -> Json:
    return body("Namespace", name, metadata={"labels": labels})


def relabelled(number: str, name: str, old: Json, new: Json, *denied: str) -> Row:
    return row(number, namespace(name, new), *denied, old=namespace(name, old))


NAMESPACES = [
    row("H6", namespace("other", IGNORE), "OPTOUT_LABEL"),
    relabelled("H7-gatekeeper", "agents", {}, {"admission.gatekeeper.sh/ignore": ""}, "OPTOUT_LABEL"),
    relabelled("H7", "agents", {}, IGNORE, "OPTOUT_LABEL"),
    relabelled("H7-removed", "agents", WATCH, {}, "OPTOUT_LABEL"),
    relabelled("H7-changed", "x", WATCH, {"policyc.dev/watch": "no"}, "OPTOUT_LABEL"),
    relabelled("H7-pod-security", "agents", {LEVEL: "restricted"}, {LEVEL: "privileged"}, "OPTOUT_LABEL"),
    relabelled("H7-none", "agents", {LEVEL: "baseline"}, {}, "OPTOUT_LABEL"),
    relabelled("H7-plain", "agents", {}, {"team": "a"}),
    relabelled("H7-tighter", "agents", {}, {LEVEL: "restricted"}),
]  # fmt: skip


def web(**container: Json) -> Json:
    """A pod of an account that is no agent's."""
    only = {"name": "c", "image": IMAGE, **container}
    spec = {"serviceAccountName": "web", "containers": [only]}
    return body("Pod", "web-1", "agents", spec=spec)


SHADOWS = [
    row("H4-openai", web(env=[{"name": "OPENAI_API_KEY", "value": "x"}])),
    row("H4-anthropic", web(env=[{"name": "ANTHROPIC_API_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}])),
    row("H4-mcp", web(env=[{"name": "MCP_SERVER_URL", "value": "http://x/mcp"}])),
    row("H4-image", web(image="registry.example.com/langgraph:1")),
    row("H4-host", web(args=["--base-url=https://api.anthropic.com"])),
]  # fmt: skip
"""Admitted with a warning; refused by a setting."""

UNLABELLED = row("H1", {**pod(), "metadata": {"name": "research-1", "namespace": "agents"}}, "NO_DEFAULT_DENY", server=Server.COMPLETED)  # fmt: skip
"""A good agent's pod that no label names: its account does."""
