"""Network plug-ins that enforce NetworkPolicy, by the DaemonSet that each runs on every node.

The API server stores NetworkPolicies whether or not anything enforces them
(https://kubernetes.io/docs/concepts/services-networking/network-policies/#prerequisites).
"""

from __future__ import annotations

ENFORCING: frozenset[str] = frozenset(
    {
        "anetd",  # GKE Dataplane V2, which is Cilium
        "antrea-agent",  # https://antrea.io/docs/main/docs/design/architecture/
        "azure-npm",  # https://github.com/Azure/azure-container-networking, npm/azure-npm.yaml
        "calico-node",  # https://github.com/projectcalico/calico, manifests/calico.yaml
        "canal",  # flannel for routes, Calico for policies; manifests/canal.yaml there
        "cilium",  # https://github.com/cilium/cilium, install/kubernetes/cilium
        "kube-ovn-cni",  # https://github.com/kubeovn/kube-ovn, dist/images/install.sh
        "kube-router",  # https://github.com/cloudnativelabs/kube-router, daemonset/
        "ovnkube-node",  # https://github.com/ovn-kubernetes/ovn-kubernetes, dist/templates
        "weave-net",  # https://github.com/weaveworks/weave, prog/weave-kube
    }
)
"""Names as upstream manifests have them.  Not here: those of which it depends on a version or an option."""
