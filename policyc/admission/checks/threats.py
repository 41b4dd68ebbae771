"""Threats that nothing closes or accepts any more: an agent at `enforce` waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_agents
from policyc.admission.verdict import Finding


@of_agents
def closed_or_accepted(case: Case) -> Iterator[Finding]:
    """No pod of an agent at `enforce` starts while one of its threats is open."""
    if case.bound is None:
        return
    _, agent = case.bound
    if agent.stage != "enforce":
        return
    for threat in agent.envelope.open_threats(case.today):
        yield case.finding(
            "THREAT_OPEN",
            f"threat `{threat.id}` ({threat.name}) applies to agent `{agent.name}` and is open: "
            "close it, accept it until a later day, or compile the agent at `stage audit`",
        )


CHECKS = (closed_or_accepted,)
