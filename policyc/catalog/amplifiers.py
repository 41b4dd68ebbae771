"""Requests by which an agent's tools, policy or identity are changed.

Sources: https://kubernetes.io/docs/concepts/security/rbac-good-practices/ (2026-06);
kagent-dev/kagent v0.9 and stacklok/toolhive custom resources; the objects that policyc's own
enforcement rests on (deploy/).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policyc.catalog.blast import WORKLOADS, WRITE


class Surface(StrEnum):
    TOOLS = "tool list"
    POLICY = "policy"
    IDENTITY = "identity"


class Object(StrEnum):
    """Which object of an agent a request must be about."""

    ANY = "any"  # of the namespace, or of the cluster for kinds that have none
    WORKLOAD = "workload"
    ACCOUNT = "account"
    MOUNTED = "mounted"  # ConfigMaps that its pods read


@dataclass(frozen=True, slots=True)
class Amplifier:
    """Requests that change one surface of an agent.

    ``namespaced``: those made in the agent's namespace, as one about the Namespace itself is;
    else those about objects of the cluster, which are made in none.
    """

    surface: Surface
    verbs: tuple[str, ...]
    group: str
    resources: tuple[str, ...]
    object: Object = Object.ANY
    namespaced: bool = True


_CHANGE = ("create", "update", "patch")
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"

AMPLIFIERS: tuple[Amplifier, ...] = (
    Amplifier(Surface.TOOLS, WRITE, "kagent.dev", ("agents", "sandboxagents", "modelconfigs", "remotemcpservers", "mcpservers")),
    Amplifier(Surface.TOOLS, WRITE, "toolhive.stacklok.dev", ("mcpservers", "mcptoolconfigs")),
    Amplifier(Surface.TOOLS, _CHANGE, "", ("configmaps",), Object.MOUNTED),
    Amplifier(Surface.POLICY, WRITE, "networking.k8s.io", ("networkpolicies",)),
    Amplifier(Surface.POLICY, WRITE, "cilium.io", ("ciliumnetworkpolicies",)),
    Amplifier(Surface.POLICY, (*WRITE, "escalate", "bind"), _RBAC, ("roles", "rolebindings")),
    Amplifier(Surface.POLICY, (*WRITE, "escalate", "bind"), _RBAC, ("clusterroles", "clusterrolebindings"), namespaced=False),
    Amplifier(Surface.POLICY, WRITE, _ADMISSION, ("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings"), namespaced=False),
    Amplifier(Surface.POLICY, WRITE, "policyc.dev", ("agentenvelopes", "envelopebundles"), namespaced=False),
    Amplifier(Surface.POLICY, WRITE, "", ("namespaces",)),
    Amplifier(Surface.POLICY, WRITE, "security-profiles-operator.x-k8s.io", ("seccompprofiles",)),
    Amplifier(Surface.IDENTITY, (*_CHANGE, "delete"), "", ("serviceaccounts",), Object.ACCOUNT),
    Amplifier(Surface.IDENTITY, ("create",), "", ("serviceaccounts/token",), Object.ACCOUNT),
    Amplifier(Surface.IDENTITY, ("impersonate",), "", ("serviceaccounts",), Object.ACCOUNT),
    Amplifier(Surface.IDENTITY, ("impersonate",), "", ("users", "groups"), namespaced=False),
    Amplifier(Surface.IDENTITY, _CHANGE, "apps", tuple(WORKLOADS), Object.WORKLOAD),
    Amplifier(Surface.IDENTITY, _CHANGE, "batch", tuple(WORKLOADS), Object.WORKLOAD),
    Amplifier(Surface.IDENTITY, ("create",), "", ("pods",)),
    Amplifier(Surface.IDENTITY, ("create", "get"), "", ("pods/exec", "pods/attach")),
    Amplifier(Surface.IDENTITY, ("update", "patch"), "", ("pods/ephemeralcontainers",)),
    Amplifier(Surface.IDENTITY, ("update", "patch"), "certificates.k8s.io", ("certificatesigningrequests/approval",), namespaced=False),
)  # fmt: skip
"""A pod that is created in a namespace may name any account of it, and a shell in a pod has its token."""
