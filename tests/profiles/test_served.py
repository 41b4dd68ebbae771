"""Calls of tools and models that came to a workload: kept in its profile, and nothing that it uses."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.agents import policy
from support.recordings import WORKLOAD, call, profile, run, steady, tool

from policyc.converge.assess import assess
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import Sighting
from policyc.profiles.agent_profile import to_bytes
from policyc.profiles.base import AgentProfile, Value
from policyc.profiles.observed import observed
from policyc.profiles.registry import read_profiles
from policyc.threats.records import records_of

OWN: dict[str, list[tuple[tuple[str, Value], ...]]] = {
    "syscalls": [call("read")],
    "tools": [tool("tickets", "ticket.read")],
    "models": [(("model", "large-4"), ("gateway", "llm"))],
}
POLICY = policy(
    lines='  learn under standard since 2026-08-01 from "p/*.json"\n',
    members="",
    window="at least 1d",
)
UNSEEN = Sighting(())
"""Where an item stands in its file moves with what stands before it."""
REF = WorkloadRef(WORKLOAD.kind, "apps", WORKLOAD.namespace, WORKLOAD.name, WORKLOAD.container)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)
served = st.sets(st.tuples(st.sampled_from(["tools", "models"]), names, names), max_size=5)


def _with(asked: set[tuple[str, str, str]]) -> AgentProfile:
    """Three runs that use the same, and were asked for more."""
    seen = {domain: list(values) for domain, values in OWN.items()}
    for domain, program, name in sorted(asked):
        values = (
            tool(program, name) if domain == "tools" else (("model", name), ("gateway", program))
        )
        seen[domain].append((*values, ("served", True)))
    return profile([run(i) for i in range(3)], [seen] * 3)


@given(served)
def test_what_was_asked_of_it_changes_no_judgement(asked: set[tuple[str, str, str]]) -> None:
    one, plain = _with(asked), steady(3, OWN)
    agent = POLICY.agents[0]
    assert assess(agent, POLICY, [("p.json", one)]) == assess(agent, POLICY, [("p.json", plain)])
    meant, expected = (
        [replace(o, sighting=UNSEEN) for o in observed([("p.json", p)], REF, "").observations]
        for p in (one, plain)
    )
    assert meant == expected
    assert expected
    assert len([*records_of("p.json", one)]) == len([*records_of("p.json", plain)])


@given(served)
def test_it_stays_in_the_profile(asked: set[tuple[str, str, str]]) -> None:
    (read,) = read_profiles("p.json", to_bytes(_with(asked))).value
    found = [item for domain in ("tools", "models") for item in read.items[domain]]
    assert len([item for item in found if item.is_served]) == len(asked)
