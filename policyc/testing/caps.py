"""The most that an agent may ever do, said a second time by those who review it."""

from __future__ import annotations

from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.core.source import Span
from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Region
from policyc.envelope.witness import witness
from policyc.semantics.question import clauses_of
from policyc.testing.broken import BrokenLawError
from policyc.testing.root import BadPoliciesError, PolicyAgent


def cap_within(agent: PolicyAgent, *grants: str) -> None:
    """The cap of the agent's class holds nothing but these grants, written as in a policy.

    A domain that none of them is about must have no cap.  BrokenLawError names one thing that
    is in the cap and in no grant, and its line; BadPoliciesError a grant that cannot be read.
    """
    __tracebackhide__ = True
    reviewed = {name: domain.empty for name, domain in DOMAINS.items()}
    for grant in grants:
        found = clauses_of(grant, agent.checked, agent.root.policy, agent.root.workspace)
        if has_errors(found.diagnostics):
            raise BadPoliciesError(found.diagnostics)
        for clause in found.value:
            reviewed[clause.domain] |= clause.region
    for domain, most in reviewed.items():
        cap = agent.checked.cap(domain)
        if cap is not None and witness(cap - most) is not None:
            raise _beyond(agent, cap - most)


def _beyond(agent: PolicyAgent, region: Region) -> BrokenLawError:
    point = witness(region)
    assert point is not None
    said = ", ".join(region.domain.single(point).describe())
    return BrokenLawError(
        Diagnostic(
            "PC7072",
            f"the cap of {agent} goes beyond its review: in `{region.domain.name}`, for one, `{said}`",
            _line(agent, region, point),
            help="take it out of the cap, or let whoever owns the test widen it there too",
        )
    )


def _line(agent: PolicyAgent, region: Region, point: dict[str, str]) -> Span:
    """The line that lets it in, of the class nearest to the agent."""
    for level in reversed(agent.checked.caps):
        for clause in level.clauses:
            if clause.domain == region.domain.name and point in clause.region:
                return clause.span
    return agent.checked.span
