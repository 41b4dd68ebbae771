"""Group G: who widens an agent's ServiceAccount.  Names differ, so that all can be stored at once."""

from __future__ import annotations

from policyc.admission.view import RBAC
from support.admission import cluster
from support.cases.row import Json, row
from support.widening import (
    AGENT,
    READ,
    SECRETS,
    binding,
    body,
    cluster_role,
    group,
    role,
    user,
)

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
EDIT = cluster_role(EVERYTHING, name="edit")
"""What a fresh cluster has: there its controller fills it."""
ACCOUNT = "system:serviceaccount:agents:research"


def rule(verbs: str, resources: str, groups: str = "", *names: str) -> Json:
    found = {"apiGroups": [groups], "resources": resources.split(), "verbs": verbs.split()}
    return {**found, "resourceNames": list(names)} if names else found


def gathering(name: str, **labels: str) -> Json:
    """A ClusterRole of all that are labelled ``to=NAME``."""
    selector = {"matchLabels": {"to": name}}
    metadata = {"labels": labels} if labels else {}
    return cluster_role(name=name, metadata=metadata, aggregationRule={"clusterRoleSelectors": [selector]})  # fmt: skip


def part(name: str, to: str = "", *rules: Json) -> Json:
    """A ClusterRole that another gathers."""
    metadata = {"labels": {"to": to}} if to else {}
    return cluster_role(*(rules or [SECRETS]), name=name, metadata=metadata)


def bound(referred: str, *subjects: Json, namespace: str = "agents") -> Json:
    """A binding of the agent, named after what it binds."""
    name = "to-" + referred.partition("/")[2]
    return binding(*(subjects or [AGENT]), role=referred, name=name, namespace=namespace)


NINE = {
    "verbs": rule("*", "configmaps"),
    "bind": rule("bind", "roles", RBAC),
    "escalate": rule("escalate", "roles", RBAC),
    "impersonate": rule("impersonate", "serviceaccounts"),
    "exec": rule("create", "pods/exec"),
    "token": rule("create", "serviceaccounts/token"),
    "secrets": SECRETS,
    "subresources": rule("get", "*/status"),
    "groups": rule("get", "configmaps", "*"),
}

CREATED = [
    row("G1", bound("ClusterRole/edit"), "RBAC_WIDENS", there=[EDIT]),
    row("G2", bound("ClusterRole/edit", group("system:serviceaccounts:agents")), "RBAC_WIDENS", there=[EDIT]),
    *(
        row(f"G3-{name}", bound("ClusterRole/edit", who, namespace=space), "RBAC_WIDENS", there=[EDIT])
        for name, who, space in (
            ("accounts", group("system:serviceaccounts"), ""),
            ("authenticated", group("system:authenticated"), ""),
            ("no-token", group("system:unauthenticated"), ""),
            ("anonymous", user("system:anonymous"), "agents"),
        )
    ),
    row("G4", bound("ClusterRole/edit", user(ACCOUNT)), "RBAC_WIDENS", there=[EDIT]),
    row("G5", bound("ClusterRole/edit", namespace=""), "RBAC_WIDENS", there=[EDIT]),
    row("G5-everywhere", bound("ClusterRole/g5", namespace=""), "RBAC_WIDENS", there=[cluster_role(READ, name="g5")]),
    row("G6-role-comes-later", role(SECRETS, name="g6"), "RBAC_WIDENS", there=[bound("Role/g6")]),
    row("G7", part("g7-part", "g7"), "RBAC_WIDENS", there=[gathering("g7"), bound("ClusterRole/g7")]),
    row(
        "G7-two-steps",
        part("g7-first", "g7-second"),
        "RBAC_WIDENS",
        there=[gathering("g7-second", to="g7-third"), gathering("g7-third"), bound("ClusterRole/g7-third")],
    ),
    row("G7-aggregate-comes-later", gathering("g7-late"), "RBAC_WIDENS", there=[part("g7-early", "g7-late"), bound("ClusterRole/g7-late")]),
    *(row(f"G9-{n}", bound(f"Role/g9-{n}"), "RBAC_WIDENS", there=[role(r, name=f"g9-{n}")]) for n, r in NINE.items()),
    row("G9-url", bound("ClusterRole/g9-url", namespace=""), "RBAC_WIDENS", there=[cluster_role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, name="g9-url")]),
    row("G10-empty", bound("Role/g10-empty"), "RBAC_WIDENS", there=[role({**SECRETS, "resourceNames": []}, name="g10-empty")]),
    row("G10-other", bound("Role/g10-other"), "RBAC_WIDENS", there=[role(rule("get", "secrets", "", "one"), name="g10-other")]),
]  # fmt: skip
"""Refused; stored before the webhook came, they are why the agent's pod is."""

HARMLESS = [
    row("G10-within", bound("Role/g10-in"), there=[role(READ, name="g10-in")]),
    row("G10-narrower", bound("Role/g10-few"), there=[role(rule("get", "configmaps", "", "settings"), name="g10-few")]),
    row("G4-a-person", bound("ClusterRole/edit", user("alice")), there=[EDIT]),
    row("G6-no-role-yet", bound("Role/g6-none")),
    row("G12-bound", bound("ClusterRole/edit", {**AGENT, "namespace": "mcp"}), there=[EDIT]),
    row("G12", body("ServiceAccount", "research", "mcp")),
    row("G7-not-matched", part("g7-no", "nowhere"), there=[gathering("g7-other"), bound("ClusterRole/g7-other")]),
]  # fmt: skip

CHANGED = [
    row("G6", role(READ, SECRETS, name="g6-a"), "RBAC_WIDENS", old=role(READ, name="g6-a"), there=[bound("Role/g6-a")]),
    row("G6-cluster-role", part("g6-b", "", READ, SECRETS), "RBAC_WIDENS", old=part("g6-b", "", READ), there=[bound("ClusterRole/g6-b")]),
    row("G8", bound("Role/g8", user("alice"), AGENT), "RBAC_WIDENS", old=bound("Role/g8", user("alice")), there=[role(SECRETS, name="g8")]),
    row("G7-label-comes-later", part("g7-l", "g7-w"), "RBAC_WIDENS", old=part("g7-l"), there=[gathering("g7-w"), bound("ClusterRole/g7-w")]),
]  # fmt: skip


def _account(**change: Json) -> Json:
    (known,) = [o for o in cluster() if o["kind"] == "ServiceAccount" and o["metadata"]["name"] == "research"]  # fmt: skip
    return {**known, **change}


ACCOUNTS = [
    row(f"G11-{name}", _account(**change), "GENERATED_OBJECT", old=_account())
    for name, change in {
        "secrets": {"secrets": [{"name": "other"}]},
        "pull-secrets": {"imagePullSecrets": [{"name": "other"}]},
        "automount": {"automountServiceAccountToken": None},
        "annotation-removed": {"metadata": {"name": "research", "namespace": "agents"}},
    }.items()
]
"""The account that the policy made, changed by others than operators."""
