"""What many agents have in common: workers that hardly ever collect garbage."""

from __future__ import annotations

import gc
from datetime import date
from pathlib import Path

from policyc.pipeline.build import build_agent
from policyc.pipeline.compile import checked

POLICIES = Path(__file__).parents[2] / "policies"


def test_the_build_of_an_agent_leaves_no_cycles() -> None:
    """Else workers would grow with every agent: their collections are far apart."""
    _, policy, _ = checked(POLICIES)
    for agent in policy.agents:  # what is made once, at the first use
        build_agent(POLICIES, agent, policy, date(2026, 9, 1))
    gc.collect()
    gc.disable()
    try:
        for agent in policy.agents:
            assert build_agent(POLICIES, agent, policy, date(2026, 9, 1)).files
        assert gc.collect() == 0
    finally:
        gc.enable()
