"""Annotations by which a cloud gives an identity of its own to pods.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html,
https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity,
https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html,
https://github.com/jtblin/kube2iam.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ON_ACCOUNTS: Mapping[str, str] = MappingProxyType(
    {
        "eks.amazonaws.com/role-arn": "aws",
        "iam.gke.io/gcp-service-account": "gke",
        "azure.workload.identity/client-id": "azure",
    }
)
"""Annotation of a ServiceAccount -> provider, a word of the identity domain."""

ON_PODS: Mapping[str, str] = MappingProxyType({"iam.amazonaws.com/role": "aws"})
"""Annotation of a pod -> provider."""
