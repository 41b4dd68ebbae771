"""Which node and which runtime an agent's pod gets."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_agents, of_words
from policyc.admission.pods import Pod
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding


@of_agents
def node_name(case: Case) -> Iterator[Finding]:
    """A pod that names its node walks past the scheduler, and past what guards nodes there."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    name = pod.spec.get("nodeName")
    if name and not _is_scheduled(pod):
        text = f"the pod chooses its node {shown(name)}"
        yield case.finding("NODENAME", text, pod.at("spec.nodeName"))


def _is_scheduled(pod: Pod) -> bool:
    """Whether the scheduler gave the node; the API server clears a new pod's status."""
    if pod.kind.template:
        return False
    status = pod.template.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return isinstance(conditions, list) and any(
        isinstance(c, dict) and c.get("type") == "PodScheduled" and c.get("status") == "True"
        for c in conditions
    )


@of_words
def runtime_class(case: Case) -> Iterator[Finding]:
    """The runtime that the policy names, or the node's own where it names none."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    wanted = agent.envelope.pod.runtime_class
    found = pod.spec.get("runtimeClassName") or ""
    if found != wanted:
        text = f"the pod has runtime class {shown(found)}, not `{wanted}`"
        yield case.finding("RUNTIME_CLASS", text, pod.at("spec.runtimeClassName"))


CHECKS = (node_name, runtime_class)
