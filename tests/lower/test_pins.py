"""Pins reach the envelope of whoever may use the server, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.agents import lowered, policy

from policyc.envelope.model import Pin
from policyc.envelope.observation import Observed

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ('allow tool tracker: write because "R-1"', True),
        ('allow tool tracker: read because "R-1"', True),
        ('allow model anthropic/claude because "R-1"', False),
    ],
)
def test_the_pins_of_a_server_follow_its_use(line: str, pinned: bool) -> None:
    checked = policy(lines=line)
    tracker = replace(checked.declared["mcp tracker"], pins=(("read", DIGEST),))
    checked = replace(checked, declared={**checked.declared, "mcp tracker": tracker})
    envelope, _ = lowered(checked, Observed(()))
    assert envelope.pins == ((Pin("tracker", "read", DIGEST),) if pinned else ())
