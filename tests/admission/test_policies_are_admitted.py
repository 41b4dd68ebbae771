"""The workloads of policies/ are what their envelopes want, once patched or mutated."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.admission import SETTINGS, TODAY, Json, request
from support.json_patch import apply
from support.policies import bundle, patched, view, workloads

from policyc.admission.bundle import Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.verdict import Verdict

AGENTS = sorted(workloads())


def enforced() -> Bundle:
    """The same agents, all of them at their last stage, which waits for their threats."""
    agents = []
    for agent in bundle().agents.values():
        subject = replace(agent.envelope.subject, stage="enforce")
        envelope = replace(agent.envelope, subject=subject, threats=())
        agents.append(replace(agent, envelope=envelope))
    return Bundle(agents)


def judge(body: Json, by: Bundle) -> Verdict:
    return evaluate(request(body), by, view(), SETTINGS, TODAY)


def test_every_agent_in_the_cluster_is_looked_at() -> None:
    in_cluster = {a.name for a in bundle().agents.values() if a.envelope.subject.workload}
    assert set(AGENTS) == in_cluster != set()


@pytest.mark.parametrize("agent", AGENTS)
def test_the_patched_workload_is_admitted_at_every_stage(agent: str) -> None:
    for by in (bundle(), enforced()):
        verdict = judge(patched(agent), by)
        assert verdict.agent == agent
        assert {f.reason for f in verdict.findings} <= {"NO_LIMIT"}, verdict.findings


@pytest.mark.parametrize("agent", AGENTS)
def test_mutation_says_what_the_patch_says(agent: str) -> None:
    """But for `serviceAccountName` and the fields whose default is what the patch says."""
    by = enforced()
    for body in (workloads()[agent], patched(agent)):
        asked = request(body)
        case = case_of(asked, by, view(), SETTINGS, TODAY)
        result = apply(body, mutate(case))
        assert judge(result, by).findings == ()
        again = case_of(request(result), by, view(), SETTINGS, TODAY)
        assert mutate(again) == []
