"""Labels that controllers put on pods and that change with every rollout or run.

A selector that holds one matches nothing after the next rollout.
"""

from __future__ import annotations

VOLATILE_LABELS = frozenset(
    {
        # https://kubernetes.io/docs/reference/labels-annotations-taints/ (v1.34)
        "pod-template-hash",  # ReplicaSet
        "controller-revision-hash",  # DaemonSet, StatefulSet
        "pod-template-generation",  # DaemonSet
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/cronjob-scheduled-timestamp",
        "controller-uid",  # the older Job labels
        "job-name",
        "rollouts-pod-template-hash",  # Argo Rollouts
    }
)


def stable_labels(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels that a workload's owner gave it, sorted."""
    return tuple(sorted((k, v) for k, v in labels.items() if k not in VOLATILE_LABELS))
