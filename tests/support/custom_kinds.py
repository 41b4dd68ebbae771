"""Definitions of kinds that others bring into a cluster: names and scopes, and any content."""

from __future__ import annotations

from typing import Any

from policyc.admission.manifests import plural

Json = Any  # documents of the API

KINDS = (
    ("agents.x-k8s.io", "v1alpha1", "Sandbox", True),
    ("extensions.agents.x-k8s.io", "v1alpha1", "SandboxTemplate", True),
    ("cilium.io", "v2", "CiliumNetworkPolicy", True),
    ("cilium.io", "v2", "CiliumClusterwideNetworkPolicy", False),
    ("policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy", False),
    ("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy", False),
    ("crd.projectcalico.org", "v1", "GlobalNetworkPolicy", False),
    ("crd.projectcalico.org", "v1", "NetworkPolicy", True),
    ("crd.antrea.io", "v1beta1", "ClusterNetworkPolicy", False),
    ("agentic.networking.x-k8s.io", "v1alpha1", "XAccessPolicy", True),
    ("kagent.dev", "v1alpha2", "RemoteMCPServer", True),
    ("toolhive.stacklok.dev", "v1beta1", "MCPServer", True),
    ("example.com", "v1", "Rollout", True),  # a kind that nobody knows
)
"""(group, version, kind, whether it is namespaced)."""


def definitions() -> list[Json]:
    """A CustomResourceDefinition for each kind."""
    return [_definition(*row) for row in KINDS]


def _definition(group: str, version: str, kind: str, is_namespaced: bool) -> Json:
    names = {"plural": plural(kind), "singular": kind.lower(), "kind": kind}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}  # fmt: skip
    metadata: Json = {"name": f"{names['plural']}.{group}"}
    if group.endswith("k8s.io"):  # a group of the community: the server asks who approved it
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, for tests"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": group,
            "scope": "Namespaced" if is_namespaced else "Cluster",
            "names": names,
            "versions": [served],
        },
    }
