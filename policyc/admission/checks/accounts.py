"""Who a pod would be: its ServiceAccount, its namespace, and what it claims."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_pods
from policyc.admission.verdict import Finding
from policyc.admission.view import key_of

CLAIM = "policyc.dev/agent"


@of_pods
def named_once(case: Case) -> Iterator[Finding]:
    """The deprecated field and the current one must not disagree."""
    if case.pod is None:
        return
    old, new = case.pod.spec.get("serviceAccount"), case.pod.spec.get("serviceAccountName")
    if old and new and old != new:
        yield case.finding(
            "AMBIGUOUS_SA",
            f"serviceAccount is `{old}` and serviceAccountName `{new}`",
            case.pod.at("spec.serviceAccount"),
        )


@of_pods
def own_account(case: Case) -> Iterator[Finding]:
    """A registered workload runs as its agent's ServiceAccount."""
    if case.pod is None or case.agent is None:
        return
    subject = case.agent.envelope.subject
    used = f"{case.request.namespace}/{case.pod.account}"
    if used != subject.service_account:
        yield case.finding(
            "SA_NOT_ALLOWED",
            f"agent `{case.agent.name}` would run as ServiceAccount `{used}`, not `{subject.service_account}`",
            case.pod.at("spec.serviceAccountName"),
            remedy=f"write `serviceAccountName: {subject.service_account.partition('/')[2]}`",
        )


@of_pods
def own_labels(case: Case) -> Iterator[Finding]:
    """Who bears another agent's labels gets what that one's NetworkPolicies let through.

    It is a finding about that agent: whoever is an agent that is only observed may not have
    what an enforced one has.
    """
    pod, own = case.pod, case.agent
    if pod is None or own is None:
        return
    for agent in case.bundle.labelled(case.request.namespace, pod.labels):
        if agent.name != own.name:
            subject = agent.envelope.subject
            labels = ", ".join(f"{key}={value}" for key, value in subject.pod_labels)
            yield case.about(agent).finding(
                "SA_NOT_ALLOWED",
                f"with the labels of agent `{agent.name}` it would run as ServiceAccount "
                f"`{case.request.namespace}/{pod.account}`, not `{subject.service_account}`",
                pod.at("metadata.labels"),
                remedy=f"leave {labels} out",
            )


@of_pods
def claims(case: Case) -> Iterator[Finding]:
    """An annotation may say who the agent is, and nothing else than what it is."""
    if case.pod is None:
        return
    claimed = case.pod.annotations.get(CLAIM)
    name = case.agent.name if case.agent is not None else ""
    if claimed is not None and claimed != name:
        yield case.finding(
            "CLASS_MISMATCH",
            f"it claims to be agent `{claimed}`, and by its ServiceAccount it is "
            + (f"`{name}`" if name else "none"),
            case.pod.at(f"metadata.annotations['{CLAIM}']"),
        )


def own_namespace(case: Case) -> Iterator[Finding]:
    """The request's namespace decides; an object that says otherwise is not what it seems."""
    written = key_of(case.request.subject)[0]
    if written and case.request.namespace and written != case.request.namespace:
        yield case.finding(
            "NS_MISMATCH",
            f"the object names namespace `{written}`, the request `{case.request.namespace}`",
            "metadata.namespace",
            is_ratcheted=False,
        )


CHECKS = (own_namespace, named_once, own_account, own_labels, claims)
