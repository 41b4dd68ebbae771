"""What the cluster's NetworkPolicies let an agent's pods do, and who widens that."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping
from itertools import islice

from policyc.admission.case import Case
from policyc.admission.checks.concerned import (
    MOST_AGENTS,
    SHOWN,
    brief,
    is_emptied,
    strictest,
    unknown,
)
from policyc.admission.checks.scope import of_kinds, of_pods
from policyc.admission.flows import (
    DIRECTIONS,
    GROUP,
    KINDS,
    Excess,
    Flows,
    Policy,
    ceiling,
    excess,
    label_sets,
    minus,
    selecting,
)
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import key_of, labels_of

RESERVED_LABEL = "host"


@of_pods
def pod_within(case: Case) -> Iterator[Finding]:
    """The policies that select an agent's pod let through no more than its envelope, together."""
    agent, pod = case.agent, case.pod
    if pod is None or agent is None:
        return
    if case.view.unknown & KINDS:
        yield unknown(case, KINDS)
        return
    who, labels = (agent.name, case.request.namespace, *agent.ends), marshal.dumps(pod.labels)
    remembered = case.bundle.remembered("labels in order")
    state = case.view.memo("policies stay", object, KINDS)
    if remembered.holds(who, labels, state):
        return
    most = ceiling(case.bundle, agent)
    over = excess(case.view, case.request.namespace, pod.labels, most)
    if not over:
        remembered.keep(who, labels, state)
        return
    before = _before(case)
    was = None if before is None else excess(case.view, case.request.namespace, before, most)
    level = Level.WARN if was is not None and over <= was else Level.DENY
    escapes = was is not None and level is Level.DENY
    for reason, message, remedy in _said(case, over):
        yield case.finding(
            "LABEL_ESCAPE" if escapes else reason,
            message,
            pod.at("metadata.labels"),
            remedy=remedy,
            level=level,
            is_ratcheted=False,
        )


def _before(case: Case) -> Mapping[str, str] | None:
    """The labels that the pod had; None when it is new, or was another agent's."""
    request, pod = case.request, case.pod
    if request.operation is not Operation.UPDATE or request.old is None or pod is None:
        return None
    template: object = request.old
    for key in pod.kind.template:
        template = template.get(key) if isinstance(template, dict) else None
    return labels_of(template) if isinstance(template, dict) else None


def _said(case: Case, over: Excess) -> Iterator[tuple[str, str, str]]:
    assert case.agent is not None
    if over.open:
        labels = dict(case.agent.envelope.subject.pod_labels)
        wanted = ", ".join(f"{k}={v}" for k, v in labels.items())
        ways = " and ".join(over.open)
        said = f"no NetworkPolicy isolates the pod for {ways}, so everything is let through"
        has_all = case.pod is not None and labels.items() <= case.pod.labels.items()
        own = (
            f"the agent's own, which select {wanted}, are not all in the cluster"
            if has_all
            else f"the agent's own select {wanted}, and the pod has other labels"
        )
        yield "NO_DEFAULT_DENY", f"{said}; {own}", ""
    for name, flows in over.wider:
        yield (
            "NP_WIDENS",
            f"NetworkPolicy `{name}` lets through: {brief(_lines(flows))}",
            f"narrow or remove NetworkPolicy `{name}`",
        )


def _lines(flows: Flows) -> list[str]:
    return [
        f"{name.replace('_', ' ')} {line}"
        for name, region in flows.items()
        for line in region.describe(SHOWN + 1)
    ]


@of_pods
def reserved_label(case: Case) -> Iterator[Finding]:
    """Cilium 1.20.0 enforces no policy on pods with this label: cilium/cilium issue 48027."""
    if case.pod is None or case.agent is None:
        return
    if RESERVED_LABEL in case.pod.labels:
        yield case.finding(
            "CNI_KNOWN_BUG",
            f"with a label `{RESERVED_LABEL}` Cilium 1.20.0 enforces no NetworkPolicy on the pod",
            case.pod.at(f"metadata.labels.{RESERVED_LABEL}"),
        )


@of_kinds(KINDS)
def policy_widens(case: Case) -> Iterator[Finding]:
    """A NetworkPolicy that comes, changes or goes lets no agent do more than its envelope."""
    request = case.request
    if (request.group, request.kind) not in KINDS:
        return
    yield from islice(_widened(case), MOST_AGENTS)


def _widened(case: Case) -> Iterator[Finding]:
    agents = case.bundle.by_namespace.get(case.request.namespace, ())
    level = Level.NOTE if is_emptied(case) else Level.DENY
    for about in strictest(case, agents):
        if case.view.unknown & KINDS:
            yield unknown(about, KINDS)
            continue
        flows = _grown(about)
        if flows:
            assert about.agent is not None
            yield about.finding(
                "NP_WIDENS",
                f"agent `{about.agent.name}` could also do: {brief(_lines(flows))}",
                "spec",
                domain=next(iter(flows)),
                level=level,
                is_ratcheted=False,
            )


def _grown(case: Case) -> Flows:
    """What the request lets the case's agent do that its envelope does not, and did not before.

    Against the same policy as it was: what another policy lets through is no excuse.
    """
    assert case.agent is not None
    request = case.request
    goes = request.operation is Operation.DELETE
    new = None if goes or request.object is None else Policy(_placed(case, request.object))
    old = request.old
    if old is None and goes:
        old = case.view.get(GROUP, "NetworkPolicy", request.namespace, request.name)
    was = None if old is None else Policy(_placed(case, old))
    most = ceiling(case.bundle, case.agent)
    found: Flows = {}
    for labels in label_sets(case.view, case.agent):
        found = {**found, **_more(case, new, was, labels, most)}
    return found


def _more(
    case: Case, new: Policy | None, was: Policy | None, labels: Mapping[str, str], most: Flows
) -> Flows:
    now = new if new is not None and new.selects(labels) else None
    then = was if was is not None and was.selects(labels) else None
    found = (
        minus(now.flows, then.flows if then is not None else {}, most) if now is not None else {}
    )
    if then is None:
        return found
    name = key_of(then.body)[1]
    others = [p for p in selecting(case.view, case.request.namespace, labels) if p.name != name]
    left = [*others, *([now] if now is not None else [])]
    for direction, domains in DIRECTIONS.items():
        if then.isolates(direction) and not any(p.isolates(direction) for p in left):
            everything = {d: then.flows[d].domain.full for d in domains}
            found = {**found, **minus(everything, most)}
    return found


def _placed(case: Case, body: Object) -> Object:
    """The object, in the request's namespace."""
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return {**body, "metadata": {**metadata, "namespace": case.request.namespace}}


CHECKS = (pod_within, reserved_label, policy_widens)
