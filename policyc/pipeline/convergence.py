"""The convergence of a policy root's agents: their recordings, read and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from policyc.converge.assess import Assessment, assess
from policyc.converge.faults import faults
from policyc.converge.findings import findings
from policyc.core.diagnostics import Diagnostic, has_errors, in_order
from policyc.envelope.observation import Observed
from policyc.lower import lower
from policyc.pipeline.agents import chosen
from policyc.pipeline.compile import checked, nothing_to_judge
from policyc.pipeline.inputs import observed_in, own, recordings
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.hypotheses import Hypothesis, Labelled, hypotheses


@dataclass(frozen=True, slots=True)
class Convergence:
    """``bad`` is wrong input: then nothing is judged.  ``found`` is why agents have not converged.

    ``threats`` has by agent what its recordings say of each threat that applies to it.
    """

    assessments: tuple[Assessment, ...]
    found: tuple[Diagnostic, ...]
    bad: tuple[Diagnostic, ...]
    threats: Mapping[str, tuple[Hypothesis, ...]] = field(default_factory=dict)


def converge_root(root: Path, names: Iterable[str] = ()) -> Convergence:
    """Judge the recordings of the named agents, or of all; PolicycError PC7057 for an unknown one, PC7056 without any."""
    _, policy, wrong = checked(root)
    if has_errors(wrong):
        return Convergence((), (), tuple(in_order(wrong)))
    if not policy.agents:
        raise nothing_to_judge(root)
    assessments: list[Assessment] = []
    found: list[Diagnostic] = []
    threats: dict[str, tuple[Hypothesis, ...]] = {}
    bad: list[Diagnostic] = []  # of the recordings: `check` reports what the policies give rise to
    for agent in chosen(policy, names):
        profiles = recordings(root, agent)
        seen = observed_in(profiles, agent)
        mine = own(agent, profiles.value)
        said = [*seen.diagnostics, *faults(mine)]
        bad += said
        if not has_errors(said):
            one = assess(agent, policy, mine)
            assessments.append(one)
            found += findings(agent, one)
            threats[agent.name] = _hypotheses(agent, policy, mine, seen.value)
    if has_errors(bad):
        return Convergence((), (), tuple(in_order(bad)))
    return Convergence(tuple(assessments), tuple(found), tuple(in_order(bad)), threats)


def _hypotheses(
    agent: CheckedAgent, policy: CheckedPolicy, mine: Labelled, seen: Observed
) -> tuple[Hypothesis, ...]:
    """Its threats against its recordings, on the day on which the last of them ends."""
    ends = [run.end[:10] for _, profile in mine for run in profile.runs if run.end]
    day = date.fromisoformat(max(ends)) if ends else date.min
    first = lower(agent, Observed(), policy, as_of=day).value
    now = lower(agent, seen, policy, as_of=day).value
    return hypotheses(agent, first, now, policy.catalogue, mine)
