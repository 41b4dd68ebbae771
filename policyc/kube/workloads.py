"""The kinds that start pods: one row each, and everything else comes from the table."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.core.canonical import Json


@dataclass(frozen=True, slots=True)
class WorkloadKind:
    """A kind and the path from its object to the pod template (empty: the object is the pod)."""

    kind: str
    group: str
    version: str
    template: tuple[str, ...]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The plural in URLs and rules, by the rule of English that all of these kinds keep."""
        return self.kind.lower() + ("es" if self.kind.endswith(("x", "s")) else "s")


WORKLOAD_KINDS: tuple[WorkloadKind, ...] = (
    WorkloadKind("Pod", "", "v1", ()),
    WorkloadKind("ReplicationController", "", "v1", ("spec", "template")),
    WorkloadKind("PodTemplate", "", "v1", ("template",)),
    WorkloadKind("Deployment", "apps", "v1", ("spec", "template")),
    WorkloadKind("ReplicaSet", "apps", "v1", ("spec", "template")),
    WorkloadKind("StatefulSet", "apps", "v1", ("spec", "template")),
    WorkloadKind("DaemonSet", "apps", "v1", ("spec", "template")),
    WorkloadKind("Job", "batch", "v1", ("spec", "template")),
    WorkloadKind("CronJob", "batch", "v1", ("spec", "jobTemplate", "spec", "template")),
    # https://github.com/kubernetes-sigs/agent-sandbox; v1beta1 has the template at the same place
    WorkloadKind("Sandbox", "agents.x-k8s.io", "v1alpha1", ("spec", "podTemplate")),
    WorkloadKind(
        "SandboxTemplate", "extensions.agents.x-k8s.io", "v1alpha1", ("spec", "podTemplate")
    ),
)


def workload_kind(written: str) -> WorkloadKind | None:
    """The row of ``Kind`` or ``Kind.group``; None when there is none."""
    kind, _, group = written.partition(".")
    for row in WORKLOAD_KINDS:
        if row.kind == kind and (not group or row.group == group):
            return row
    return None


def template_of(row: WorkloadKind, document: Json) -> Json:
    """The pod template of an object; None when the object has none."""
    for key in row.template:
        document = document.get(key) if isinstance(document, dict) else None
    return document
