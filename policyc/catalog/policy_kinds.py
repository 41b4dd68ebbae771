"""Network policies of other kinds than the API's own, which no NetworkPolicy holds back.

Sources: https://docs.cilium.io/en/stable/security/policy/,
https://network-policy-api.sigs.k8s.io/, https://docs.tigera.io/calico/latest/reference/resources/,
https://antrea.io/docs/main/docs/antrea-network-policy/.
"""

from __future__ import annotations

POLICY_KINDS: frozenset[tuple[str, str]] = frozenset(
    {
        ("cilium.io", "CiliumNetworkPolicy"),
        ("cilium.io", "CiliumClusterwideNetworkPolicy"),
        ("policy.networking.k8s.io", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
        ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
        ("crd.projectcalico.org", "NetworkPolicy"),
        ("crd.projectcalico.org", "GlobalNetworkPolicy"),
        ("projectcalico.org", "NetworkPolicy"),
        ("projectcalico.org", "GlobalNetworkPolicy"),
        ("crd.antrea.io", "NetworkPolicy"),
        ("crd.antrea.io", "ClusterNetworkPolicy"),
    }
)
"""API group and kind; a namespaced one speaks of its own namespace."""

CLUSTER_WIDE: frozenset[tuple[str, str]] = frozenset(
    {
        ("cilium.io", "CiliumClusterwideNetworkPolicy"),
        ("policy.networking.k8s.io", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
        ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
        ("crd.projectcalico.org", "GlobalNetworkPolicy"),
        ("projectcalico.org", "GlobalNetworkPolicy"),
        ("crd.antrea.io", "ClusterNetworkPolicy"),
    }
)
"""Those of them that have no namespace."""

GROUPS: frozenset[str] = frozenset(group for group, _ in POLICY_KINDS)

REFUSING = frozenset({"deny", "drop", "reject", "pass", "log"})
"""Actions, in lower case, that let nothing through by themselves; a rule without one lets through."""
