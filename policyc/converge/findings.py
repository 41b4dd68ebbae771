"""An assessment as diagnostics, at the line that names the recordings."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.converge.assess import Assessment
from policyc.converge.domains import Reason
from policyc.converge.evidence import AS_RECORDED
from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.source import Span
from policyc.semantics.model import CheckedAgent

_SHOWN = 3


def findings(agent: CheckedAgent, assessment: Assessment) -> list[Diagnostic]:
    """An error for each reason why the agent's recordings are not enough; none when they are."""
    return [
        Diagnostic(
            reason.code,
            f"agent `{agent.name}`: {reason.message}",
            _place(agent),
            help=reason.help,
        )
        for reason in reasons(assessment)
    ]


def reasons(assessment: Assessment) -> list[Reason]:
    """All reasons: the agent's, then those of its domains."""
    return [*assessment.reasons, *_of_domains(assessment)]


def refusal(agent: CheckedAgent, assessment: Assessment) -> Diagnostic:
    """PC3201 for an agent that would be enforced without a converged profile."""
    found = reasons(assessment)
    named = "; ".join(reason.message for reason in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    related = (Related(_place(agent), "what it learns from"),) if agent.learning else ()
    return Diagnostic(
        "PC3201",
        f"agent `{agent.name}` may not be enforced yet: {named}{more}",
        agent.stage_span or agent.span,
        related,
        help=f"keep it in `stage audit` until `policyc converge ROOT {agent.name}` says converged",
    )


def _of_domains(assessment: Assessment) -> Iterator[Reason]:
    for verdict in assessment.domains:
        if verdict.domain != AS_RECORDED:
            yield from verdict.reasons


def _place(agent: CheckedAgent) -> Span:
    return agent.learning.span if agent.learning is not None else agent.span
