"""The kinds that the API server itself serves, by group: of its groups nothing else exists.

Source: discovery of kube-apiserver 1.36 with all versions and features switched on, which
tests/cases/admission/served.json keeps by resource; and ComponentStatus, which is only read.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.catalog.kube_api import is_custom_group
from policyc.core.suggest import did_you_mean

KINDS: dict[str, frozenset[str]] = {
    group: frozenset(kinds.split())
    for group, kinds in {
        "": """Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node
            PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController
            ResourceQuota Secret Service ServiceAccount""",
        "admissionregistration.k8s.io": """MutatingAdmissionPolicy MutatingAdmissionPolicyBinding
            MutatingWebhookConfiguration ValidatingAdmissionPolicy
            ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration""",
        "apiextensions.k8s.io": "CustomResourceDefinition",
        "apiregistration.k8s.io": "APIService",
        "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
        "authentication.k8s.io": "SelfSubjectReview TokenReview",
        "authorization.k8s.io": """LocalSubjectAccessReview SelfSubjectAccessReview
            SelfSubjectRulesReview SubjectAccessReview""",
        "autoscaling": "HorizontalPodAutoscaler",
        "batch": "CronJob Job",
        "certificates.k8s.io": """CertificateSigningRequest ClusterTrustBundle
            PodCertificateRequest""",
        "coordination.k8s.io": "Lease LeaseCandidate",
        "discovery.k8s.io": "EndpointSlice",
        "events.k8s.io": "Event",
        "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
        "internal.apiserver.k8s.io": "StorageVersion",
        "networking.k8s.io": "IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR",
        "node.k8s.io": "RuntimeClass",
        "policy": "PodDisruptionBudget",
        "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding Role RoleBinding",
        "resource.k8s.io": """DeviceClass DeviceTaintRule ResourceClaim ResourceClaimTemplate
            ResourcePoolStatusRequest ResourceSlice""",
        "scheduling.k8s.io": "PodGroup PriorityClass Workload",
        "storage.k8s.io": """CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment
            VolumeAttributesClass""",
        "storagemigration.k8s.io": "StorageVersionMigration",
    }.items()
}


def is_custom(group: str) -> bool:
    """Whether kinds of the group are brought into a cluster by others."""
    return group not in KINDS and is_custom_group(group)


def fault_of_kind(group: str, kind: str) -> tuple[str, str] | None:
    """Why no API server has the kind, and what to do; None for one that there is, or may be."""
    if is_custom(group):
        return None
    if group not in KINDS:
        near = did_you_mean(group, KINDS)
        return (
            f"there is no API group `{group}`",
            near or "write the `apiVersion` that `kubectl api-resources` prints",
        )
    if kind in KINDS[group]:
        return None
    others = " or ".join(f"`{other}`" for other in _groups_of(kind))
    if others:
        help = f"`{kind}` is a kind of {others}: correct the `apiVersion`"
    else:
        help = did_you_mean(kind, KINDS[group]) or f"known are {', '.join(sorted(KINDS[group]))}"
    return f"there is no kind `{kind}` in {f'`{group}`' if group else 'the core group'}", help


def _groups_of(kind: str) -> Iterator[str]:
    return (group or "v1" for group, kinds in KINDS.items() if kind in kinds)
