"""Objects by which somebody would widen an agent, in the fewest words."""

from __future__ import annotations

from typing import Any

from policyc.admission.view import Kind, View
from support.admission import cluster, view

Json = Any  # tests build documents of every shape

RBAC_API = "rbac.authorization.k8s.io"
AGENT = {"kind": "ServiceAccount", "namespace": "agents", "name": "research"}
READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def group(name: str) -> Json:
    return {"kind": "Group", "name": name, "apiGroup": RBAC_API}


def user(name: str) -> Json:
    return {"kind": "User", "name": name, "apiGroup": RBAC_API}


def body(kind: str, name: str, namespace: str = "", api: str = "v1", **fields: Json) -> Json:
    metadata: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= fields.pop("metadata", {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def role(*rules: Json, name: str = "extra", namespace: str = "agents") -> Json:
    return body("Role", name, namespace, f"{RBAC_API}/v1", rules=list(rules))


def cluster_role(*rules: Json, name: str = "extra", **fields: Json) -> Json:
    return body("ClusterRole", name, "", f"{RBAC_API}/v1", rules=list(rules), **fields)


def binding(
    *subjects: Json, role: str = "ClusterRole/extra", name: str = "more", namespace: str = "agents"
) -> Json:
    """A RoleBinding, or without a namespace a ClusterRoleBinding."""
    kind, _, referred = role.partition("/")
    return body(
        "RoleBinding" if namespace else "ClusterRoleBinding",
        name,
        namespace,
        f"{RBAC_API}/v1",
        roleRef={"apiGroup": RBAC_API, "kind": kind, "name": referred},
        subjects=list(subjects),
    )


def network_policy(name: str = "more", namespace: str = "agents", **spec: Json) -> Json:
    spec.setdefault("podSelector", {})
    return body("NetworkPolicy", name, namespace, "networking.k8s.io/v1", spec=spec)


def labels_removed(pod: Json, *keys: str) -> Json:
    metadata = dict(pod["metadata"])
    metadata["labels"] = {k: v for k, v in metadata["labels"].items() if k not in keys}
    return {**pod, "metadata": metadata}


def labelled(pod: Json, **labels: str) -> Json:
    metadata = {**pod["metadata"], "labels": {**pod["metadata"].get("labels", {}), **labels}}
    return {**pod, "metadata": metadata}


def default_roles() -> list[Json]:
    """What a fresh cluster binds to everybody, written from the API server's documentation.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
    """
    ask = {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
    }
    shape = {
        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"],
        "verbs": ["get"],
    }  # fmt: skip
    info = {
        "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"],
        "verbs": ["get"],
    }
    everyone = [group("system:authenticated"), group("system:unauthenticated")]
    named = {
        "system:basic-user": (ask, everyone[:1]),
        "system:discovery": (shape, everyone[:1]),
        "system:public-info-viewer": (info, everyone),
    }
    return [
        part
        for name, (rule, subjects) in named.items()
        for part in (
            cluster_role(rule, name=name),
            binding(*subjects, role=f"ClusterRole/{name}", name=name, namespace=""),
        )
    ]


def unknown(*kinds: Kind) -> View:
    """The example cluster, when the state of some kinds is not known."""
    return View(view().objects, frozenset(kinds))


def without(kind: str) -> View:
    """The example cluster without its objects of a kind."""
    return View.of(o for o in cluster() if o["kind"] != kind)
