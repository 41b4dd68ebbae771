"""The convergence of a policy root's agents: their recordings, read and judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from policyc.converge.assess import Assessment, assess
from policyc.converge.faults import faults
from policyc.converge.findings import findings
from policyc.core.diagnostics import Diagnostic, has_errors, in_order
from policyc.pipeline.agents import chosen
from policyc.pipeline.compile import checked
from policyc.pipeline.inputs import observe, own, recordings
from policyc.semantics.model import CheckedAgent, CheckedPolicy


@dataclass(frozen=True, slots=True)
class Convergence:
    """``bad`` is wrong input: then nothing is judged.  ``found`` is why agents have not converged."""

    assessments: tuple[Assessment, ...]
    found: tuple[Diagnostic, ...]
    bad: tuple[Diagnostic, ...]


def converge_root(root: Path, names: Iterable[str] = ()) -> Convergence:
    """Judge the recordings of the named agents, or of all; PolicycError PC7057 for an unknown one."""
    _, policy, wrong = checked(root)
    if has_errors(wrong):
        return Convergence((), (), tuple(in_order(wrong)))
    assessments: list[Assessment] = []
    found: list[Diagnostic] = []
    bad: list[Diagnostic] = []  # of the recordings: `check` reports what the policies give rise to
    for agent in chosen(policy, names):
        one, said = assess_agent(root, agent, policy)
        bad += said
        if one is not None:
            assessments.append(one)
            found += findings(agent, one)
    if has_errors(bad):
        return Convergence((), (), tuple(in_order(bad)))
    return Convergence(tuple(assessments), tuple(found), tuple(in_order(bad)))


def assess_agent(
    root: Path, agent: CheckedAgent, policy: CheckedPolicy
) -> tuple[Assessment | None, list[Diagnostic]]:
    """One agent's assessment; None when its recordings are no evidence, with what is wrong."""
    profiles = recordings(root, agent)
    mine = own(agent, profiles.value)
    bad = [*observe(root, agent).diagnostics, *faults(mine)]
    return (None if has_errors(bad) else assess(agent, policy, mine)), bad
