"""Where objects are in the API server: their collections and their own paths."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from policyc.admission.manifests import is_cluster_kind, plural
from policyc.kube.workloads import WORKLOAD_KINDS
from support.custom_kinds import KINDS

_PLURALS = {row.kind: row.resource for row in WORKLOAD_KINDS} | {
    "RuntimeClass": "runtimeclasses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
_WITHOUT_NAMESPACE = {(group, kind) for group, _, kind, is_namespaced in KINDS if not is_namespaced}


def collection(body: Any, namespace: str | None = None) -> str:
    """The path that such objects are created at."""
    version = body["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    kind = body["kind"]
    name = _PLURALS.get(kind) or plural(kind)
    group = version.rpartition("/")[0]
    if is_cluster_kind(group, kind) or (group, kind) in _WITHOUT_NAMESPACE:
        return f"{root}/{name}"
    space = namespace or body["metadata"].get("namespace", "default")
    return f"{root}/namespaces/{space}/{name}"


def path_of(body: Any) -> str:
    """The object's own path."""
    return f"{collection(body)}/{quote(body['metadata']['name'], safe=':')}"
