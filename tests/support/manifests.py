"""Objects of RBAC and workloads, for tests of what manifests declare."""

from __future__ import annotations

from typing import Any

Json = Any  # objects of the API
RBAC = "rbac.authorization.k8s.io"


def account(name: str = "bot", namespace: str = "demo") -> Json:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> Json:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> Json:
    found = {"verbs": verbs.split(), "resources": resources.split(), "apiGroups": [group]}
    return {**found, "resourceNames": names.split()} if names else found


def role(name: str, *rules: Json, namespace: str = "demo") -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": [*rules]}


def cluster_role(name: str, *rules: Json, labels: Json = None, aggregates: Json = None) -> Json:
    body = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels or {}},
        "rules": [*rules],
    }
    if aggregates is not None:
        body["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": aggregates}]}
    return body


def binding(name: str, to: Json, *subjects: Json, namespace: str = "demo") -> Json:
    """A RoleBinding, or a ClusterRoleBinding where there is no namespace."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": to["kind"], "name": to["metadata"]["name"]},
        "subjects": [*subjects],
    }


def deployment(name: str, namespace: str, account: str, labels: Json, **template: Json) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "template": {
                "metadata": {"labels": labels, **template},
                "spec": {"serviceAccountName": account, "containers": [{"name": "main"}]},
            }
        },
    }
