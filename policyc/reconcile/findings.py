"""A reconciliation as diagnostics, at the binding that grants or the line that decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from policyc.admission.grants import Binding
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.core.source import Span
from policyc.envelope.domains import FAMILIES
from policyc.reconcile.amplify import Amplification
from policyc.reconcile.delegation import Delegation
from policyc.reconcile.dormant import Dormant
from policyc.reconcile.permission import Kind
from policyc.reconcile.reconciliation import Reconciliation, overdue
from policyc.semantics.model import CheckedAgent

Places = Mapping[str, Span]
"""Kind and namespace/name of an object of the manifests -> where it stands."""


def findings(one: Reconciliation, as_of: date, places: Places) -> Iterator[Diagnostic]:
    """What is to be done about an agent; errors are findings, notes are not certain."""
    agent = one.agent
    yield from late(agent, as_of)
    for each in one.dormant:
        if each.disposition is None:
            yield _dormant(agent, each, places)
    for decision in one.idle:
        yield Diagnostic(
            "PC3245",
            f"agent `{agent.name}` has no dormant permission that `{decision.clause.text}` covers",
            decision.clause.span,
            help="remove the line: the permission is used, or it is declared no more",
            severity=Severity.WARNING,
        )
    for binding in one.dangling:
        yield _without_role(agent, binding, places)
    for amplification in one.amplifications:
        yield _amplified(agent, amplification, places)
    for framework in one.frameworks:
        if framework.fault:
            place = agent.workload_span or agent.span
            message = f"agent `{agent.name}`: {framework.fault}"
            yield Diagnostic("PC3250", message, place, help=framework.remedy)


def late(agent: CheckedAgent, as_of: date) -> Iterator[Diagnostic]:
    """PC3242 for each decision whose day has passed."""
    for decision in overdue(agent, as_of):
        done = "was to be revoked" if decision.decision == "revoke" else "was to be reviewed again"
        yield Diagnostic(
            "PC3242",
            f"`{decision.clause.text}` {done} by {decision.clause.until}",
            decision.clause.span,
            help="revoke it, or decide anew with a later day",
        )


def _dormant(agent: CheckedAgent, one: Dormant, places: Places) -> Diagnostic:
    permission = one.permission
    sources = [s for s in permission.sources if s.shared] or [*permission.sources]
    first = sources[0]
    why = f": {first.shared}" if first.shared else ""
    text = (
        f"agent `{agent.name}` never used `{permission.name}` (blast {one.blast.level} "
        f"{one.blast.score}), granted by {first.text}{why}"
    )
    code = "PC3243" if one.kind is Kind.UNUSED_EXCESS else "PC3244"
    remedy = (
        "take it away there"
        if not first.shared
        else "bind the agent to a role of its own without it"
    )
    is_beyond = _is_beyond(agent, one)
    if is_beyond:
        text += "; its cap has no room for it, so no recording can call for it"
    elif not one.is_certain:
        text += "; no recording without losses looked at it"
        remedy = "record what the agent asks of it before anything is taken away"
    return Diagnostic(
        code,
        text,
        first.span or places.get(first.text.partition(" of ")[0]) or agent.span,
        help=f"{remedy}, or decide: `dormant revoke {permission.name} until DATE because ...`"
        if one.is_certain
        else remedy,
        severity=Severity.ERROR if one.is_certain or is_beyond else Severity.NOTE,
    )


def _is_beyond(agent: CheckedAgent, one: Dormant) -> bool:
    """Whether RBAC gives the agent alone what its policy could never grant it."""
    if one.kind is not Kind.UNUSED_EXCESS or one.permission.domain not in FAMILIES["kube"]:
        return False
    cap = agent.cap(one.permission.domain)
    return cap is None or not one.permission.region & cap


def _without_role(agent: CheckedAgent, binding: Binding, places: Places) -> Diagnostic:
    kind, name = binding.role
    return Diagnostic(
        "PC3251",
        f"agent `{agent.name}` is bound by {binding} to {kind} `{name}`, which the manifests do not have: "
        "what it grants is not counted",
        places.get(str(binding)) or agent.span,
        help="pass the role, too, or delete the binding if its role is gone",
    )


def _amplified(agent: CheckedAgent, one: Amplification, places: Places) -> Diagnostic:
    whose = "its own" if one.is_of_itself else f"the {one.target} agent's"
    return Diagnostic(
        "PC3246" if one.is_of_itself else "PC3247",
        f"agent `{agent.name}` can change {whose} {one.surface} {one.right}: `{one.request}`",
        places.get(one.right.binding) or agent.span,
        help="take the right away: whoever steers the agent could widen what it may do",
    )


def delegated(
    found: Iterable[Delegation], agents: Mapping[str, CheckedAgent]
) -> Iterator[Diagnostic]:
    """PC3248 for each edge whose delegate may do what the delegating agent may not."""
    for one in found:
        if len(one.chain) == 2 and one.beyond:
            giver, taker = one.chain
            domains = ", ".join(sorted(one.beyond))
            yield Diagnostic(
                "PC3248",
                f"agent `{taker}` may do more than `{giver}`, which delegates to it, in {domains}",
                agents[giver].span,
                help=f"work from `{giver}` has the authority of both only: see the report's `authority`",
                severity=Severity.WARNING,
            )
