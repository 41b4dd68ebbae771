"""What was only tried is no use of a permission."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy

from policyc.envelope.domains import EGRESS_IP, SYSCALLS
from policyc.envelope.observation import (
    Direction,
    Observation,
    Observed,
    PeerSeen,
    Sighting,
    SyscallSeen,
)
from policyc.envelope.region import Region
from policyc.reconcile.observed import use

SEEN = Sighting(())
FLOW = {"protocol": "tcp", "port": "443", "address": "192.0.2.7"}


def connected(*, unanswered: bool) -> Observation:
    return PeerSeen(Direction.EGRESS, "tcp", 443, "192.0.2.7", sighting=SEEN, unanswered=unanswered)


@pytest.mark.parametrize(
    ("done", "tried", "region"),
    [
        (
            connected(unanswered=False),
            connected(unanswered=True),
            EGRESS_IP.written(FLOW),
        ),
        (
            SyscallSeen("amd64", "memfd_create", SEEN),
            SyscallSeen("amd64", "memfd_create", SEEN, denied=True),
            SYSCALLS.written({"architecture": "amd64", "name": "memfd_create"}),
        ),
    ],
    ids=["a peer", "a call"],
)
def test_a_try_uses_nothing(done: Observation, tried: Observation, region: Region) -> None:
    checked = policy()
    for observation, is_used in ((done, True), (tried, False)):
        observed = Observed((observation,), frozenset(), 1)
        envelope, _ = lowered(checked, observed)
        found = use(observed, checked.agents[0], checked, envelope)
        assert found.is_used(region) is is_used
