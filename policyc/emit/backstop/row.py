"""What the backstop knows of one agent: texts that stand in CEL literals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policyc.catalog.capabilities import ADDABLE
from policyc.core.canonical import Json
from policyc.envelope.axes import ALL
from policyc.envelope.domains import CAPABILITIES, IDENTITY, IMAGE
from policyc.envelope.model import Envelope
from policyc.envelope.patterns import unescape

FOLDER = "_cluster"
"""Folder of the artifacts of the whole build: no agent's name begins with a line."""
STATIC = "static"
"""The folder in it that an API server may be pointed to: it reads every file there."""
_AUDIENCES = {"aws": "sts.amazonaws.com", "azure": "api://AzureADTokenExchange"}
"""Documentation of EKS (IAM roles for service accounts) and of Microsoft Entra Workload ID."""
GKE_SUFFIX = ".svc.id.goog"
"""GKE's audience is PROJECT.svc.id.goog (Workload Identity Federation)."""

Shape = tuple[tuple[str, tuple[str, ...]], ...]
"""Key -> texts, sorted by key: what many agents have in common."""


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One agent; ``account`` is namespace/name, ``workload`` group/kind/namespace/name.

    ``labels`` are those by which its NetworkPolicies select its pods, ``key=value``, and ``roles``
    what it is bound to, ``KIND OF BINDING/NAMESPACE/ROLE``: to a Role by a RoleBinding in its
    namespace, to a ClusterRole by a ClusterRoleBinding, whose namespace is empty.
    """

    account: str
    workload: str
    agent: str
    stage: str
    namespace: str
    labels: tuple[str, ...]
    shape: Shape
    roles: tuple[str, ...] = ()


def row_of(envelope: Envelope, documents: Iterable[Json] = ()) -> Row | None:
    """The agent's row; None for managed agents, which have no pod.

    ``documents`` are those that are emitted for it: of its bindings the account may be in.

    It is that of the day of the build: CEL has no clock, so what ends later is
    permitted until the next build.
    """
    subject = envelope.subject
    if subject.workload is None:
        return None
    w = subject.workload
    return Row(
        account=subject.service_account,
        workload=f"{w.group}/{w.kind}/{w.namespace}/{w.name}",
        agent=subject.agent,
        stage=subject.stage,
        namespace=w.namespace,
        labels=tuple(f"{key}={value}" for key, value in subject.pod_labels),
        shape=_shape(envelope),
        roles=tuple(sorted(role for d in documents if (role := _bound(d)))),
    )


def _bound(document: Json) -> str:
    match document:
        case {
            "kind": "RoleBinding" | "ClusterRoleBinding" as kind,
            "metadata": {**metadata},
            "roleRef": {"kind": str(role), "name": str(name)},
        } if kind == f"{role}Binding":
            return f"{kind}/{metadata.get('namespace', '')}/{name}"
    return ""


def _shape(envelope: Envelope) -> Shape:
    pod, domains = envelope.pod, envelope.domains
    uses_api = bool(domains["kube"] or domains["kube_url"])
    capabilities = [
        name
        for name in sorted(ADDABLE[pod.level])
        if CAPABILITIES.written({"name": name}) <= domains["capabilities"]
    ]
    clouds = {
        p for p in (*_AUDIENCES, "gke") if domains["identity"] & IDENTITY.written({"provider": p})
    }
    audiences = [_AUDIENCES[p] for p in sorted(clouds) if p in _AUDIENCES]
    return (
        ("api", ("yes",) if uses_api else ()),
        ("audiences", tuple([""] * uses_api + audiences)),
        ("capabilities", tuple(capabilities)),
        ("gke", ("yes",) if "gke" in clouds else ()),
        ("images", _patterns(envelope)),
        ("nonroot", ("yes",) if pod.level == "restricted" else ()),
        ("readonly", ("yes",) if pod.read_only_root else ()),
        ("runtime", (pod.runtime_class,)),
        ("user", () if pod.run_as_user is None else (str(pod.run_as_user),)),
    )


def _patterns(envelope: Envelope) -> tuple[str, ...]:
    """From general to special; each ``+`` or ``-``, then ``^`` (begins with) or ``=``, then text.

    The last one that covers an image decides, and without one it is refused.
    """
    axis = IMAGE.axis("reference")
    return tuple(
        _encoded(pattern)
        for box in envelope.domains["image"].boxes()
        for pattern in axis.write(box.get("reference", ALL))
    )


def _encoded(pattern: str) -> str:
    text, is_prefix = unescape(pattern.removeprefix("!"))
    return f"{'-' if pattern.startswith('!') else '+'}{'^' if is_prefix else '='}{text}"
