"""Users of the API that are the cluster itself.

Sources: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ (core component
roles) and kubernetes cmd/kube-controller-manager/app (1.34): each controller runs as a
ServiceAccount of kube-system, or all of them as the controller manager's own user.
"""

from __future__ import annotations

from collections.abc import Iterable

_USERS = frozenset({"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"})
_OWN_ACCOUNTS = "system:serviceaccount:kube-system:"
_NODE = "system:node:"
CONTROLLERS = frozenset(
    """attachdetach-controller cronjob-controller daemon-set-controller deployment-controller
    disruption-controller endpoint-controller endpointslice-controller
    endpointslicemirroring-controller ephemeral-volume-controller expand-controller
    generic-garbage-collector horizontal-pod-autoscaler job-controller namespace-controller
    node-controller persistent-volume-binder pod-garbage-collector pv-protection-controller
    pvc-protection-controller replicaset-controller replication-controller
    resourcequota-controller root-ca-cert-publisher service-account-controller
    service-controller statefulset-controller taint-eviction-controller token-cleaner
    ttl-after-finished-controller ttl-controller validatingadmissionpolicy-status-controller
    clusterrole-aggregation-controller cloud-controller-manager""".split()
)


def controller(user: str) -> str:
    """The controller that a user is: its name, ``*`` for one that may be any, else empty."""
    if user == "system:kube-controller-manager":
        return "*"
    if user == "system:cloud-controller-manager":
        return "cloud-controller-manager"
    name = user.removeprefix(_OWN_ACCOUNTS)
    return name if name != user and name in CONTROLLERS else ""


def is_kubelet(user: str, groups: Iterable[str]) -> bool:
    """Whether it is a node: https://kubernetes.io/docs/reference/access-authn-authz/node/."""
    return user.startswith(_NODE) and "system:nodes" in groups


def is_machinery(user: str, groups: Iterable[str]) -> bool:
    """Whether it is a component of the cluster, of which its own rights decide what it does."""
    return user in _USERS or bool(controller(user)) or is_kubelet(user, groups)
