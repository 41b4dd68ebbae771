"""Thousands of agents in use at once: what was worked out for one is still there when it is asked again."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, bundle, files, pod, request, view
from support.many_agents import many

from policyc.admission import flows, grants
from policyc.admission.bundle import FACT_BYTES, MOST_FACTS_BYTES, Bundle, read_bundle
from policyc.admission.evaluate import evaluate
from policyc.envelope import sealed
from policyc.envelope.codec import decode_by_need

AGENTS = 2_000
AFTER = "2026-09-03"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The documents that were decoded."""
    found: list[object] = []

    def counted(document: Any) -> object:  # JSON
        found.append(document)
        return decode_by_need(document)

    monkeypatch.setattr(sealed, "decode_by_need", counted)
    return found


def asked(made: Bundle) -> None:
    """What decisions about every agent ask of its envelope, one agent after the other."""
    for agent in made.agents.values():
        today = made.on(agent, AFTER)
        flows.ceiling(made, today)
        grants.ceiling(made, today)
        assert today.envelope.domains["tools"] is today.envelope.domains["tools"]


def test_in_turn_each_envelope_is_decoded_once(decoded: list[object]) -> None:
    made = many(AGENTS)
    decoded.clear()
    asked(made)
    assert len(decoded) == AGENTS
    asked(made)
    asked(made)
    assert len(decoded) == AGENTS


def test_a_replica_that_is_known_opens_nothing(decoded: list[object]) -> None:
    """However few envelopes may stay open."""
    made, asks, at = read_bundle(files()), request(pod()), view()
    assert not evaluate(asks, made, at, SETTINGS, TODAY).findings
    assert decoded
    decoded.clear()
    for agent in made.agents.values():
        assert isinstance(agent.envelope, sealed.Sealed)
        agent.envelope.close()
    assert not evaluate(asks, made, at, SETTINGS, TODAY).findings
    assert not decoded


def test_tables_stay_and_facts_have_their_bound() -> None:
    made = bundle()
    kept = made.remembered("a test")
    most = MOST_FACTS_BYTES // FACT_BYTES
    for i in range(most + 10):
        assert made.memo(("a test", i), lambda i=i: i) == i  # type: ignore[misc]  # bound early
    assert made.memo(("a test", most + 9), lambda: -1) == most + 9
    assert made.memo(("a test", 0), lambda: -1) == -1, "the first went first"
    assert made.remembered("a test") is kept
