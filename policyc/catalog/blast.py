"""How much harm a permission can do: what it reads, and what it changes, in five steps.

Each row is a set of requests or flows and a level from 1 to 4.  A permission has the
highest level of the rows that it meets, so more permission is never less harm.

Sources: https://kubernetes.io/docs/concepts/security/rbac-good-practices/ (privilege
escalation risks, 2026-06) for Secrets, workload creation, persistent volumes, nodes/proxy,
escalate, bind, impersonate, CSRs, tokens, webhook configurations and namespaces;
https://kubernetes.io/docs/reference/access-authn-authz/rbac/ for the verbs.
"""

from __future__ import annotations

from dataclasses import dataclass

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")
WORKLOADS = (
    "pods daemonsets deployments replicasets statefulsets cronjobs jobs replicationcontrollers"
    " sandboxes sandboxtemplates"
).split()


@dataclass(frozen=True, slots=True)
class Row:
    """Requests about any of ``resources`` with any of ``verbs``; empty ones mean all there are."""

    level: int
    verbs: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


DATA: tuple[Row, ...] = (
    Row(4, READ, ("secrets",)),
    Row(4, (), ("nodes/proxy", "pods/proxy", "services/proxy")),
    Row(3, READ, ("pods/log", "persistentvolumes", "persistentvolumeclaims")),
    Row(2, READ, ("configmaps", "pods", "events")),
    Row(1, READ),
    Row(3, ("delete", "deletecollection"), ("secrets", "configmaps", "persistentvolumeclaims")),
)
"""What can be read or lost."""

SYSTEM: tuple[Row, ...] = (
    Row(4, ("escalate", "bind", "impersonate")),
    Row(4, ("create", "get"), ("pods/exec", "pods/attach", "pods/portforward", "nodes/proxy")),
    Row(4, ("create",), ("serviceaccounts/token", "tokenreviews")),
    Row(
        4, ("update", "patch"), ("pods/ephemeralcontainers", "certificatesigningrequests/approval")
    ),
    Row(
        4,
        WRITE,
        (
            "roles",
            "rolebindings",
            "clusterroles",
            "clusterrolebindings",
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "customresourcedefinitions",
            "apiservices",
            "nodes",
            "persistentvolumes",
        ),
    ),
    Row(3, WRITE, (*WORKLOADS, "networkpolicies", "namespaces", "serviceaccounts", "secrets")),
    Row(2, WRITE),
)
"""What can be changed."""

FLOWS: dict[str, int] = {"169.254.169.254/32": 4, "0.0.0.0/1": 2, "128.0.0.0/1": 2, "::/0": 2}
"""Networks -> the level of data that a flow into them can carry out or bring in."""

TOOL_LEVEL = 2
"""A tool acts outside of the cluster: nobody here knows on what."""
