"""Peers that nothing lasting says who they are: reported, and granted to nobody."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy

from policyc.envelope.observation import Direction, Observed, PeerSeen, Phase, Sighting
from policyc.envelope.provenance import Evidence

WHERE = Sighting((Evidence("p.json", "/0"),), Phase.APPLICATION, 1, 1, "", "")
SPACE = (("kubernetes.io/metadata.name", "web"),)
OWN, VOLATILE = (("app", "web"),), (("pod-template-hash", "7c9d5b6f4"),)

Labels = tuple[tuple[str, str], ...]


def peer(direction: Direction, spaces: Labels, labels: Labels, *, is_pod: bool) -> PeerSeen:
    return PeerSeen(direction, "tcp", 80, "", (), spaces, labels, is_pod, WHERE)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    ("spaces", "labels", "is_pod", "code"),
    [
        (SPACE, OWN, True, None),
        (SPACE, (), True, "PC4003"),
        (SPACE, VOLATILE, True, "PC4003"),
        ((), OWN, True, "PC4003"),
        ((), (), False, "PC4011"),
    ],
)
def test_only_a_pod_with_lasting_labels_in_a_known_namespace_is_granted(
    direction: Direction, spaces: Labels, labels: Labels, is_pod: bool, code: str | None
) -> None:
    seen = Observed((peer(direction, spaces, labels, is_pod=is_pod),), frozenset(), 1)
    envelope, said = lowered(policy(), seen)
    assert [d.code for d in said] == ([code] if code else [])
    assert bool(envelope.domains[f"{direction.value}_peer"]) == (code is None)


@pytest.mark.parametrize("direction", Direction)
def test_nobody_listens_on_port_0(direction: Direction) -> None:
    zero = [
        PeerSeen(
            direction, "tcp", 0, f"192.0.2.{i}",
            sighting=WHERE._replace(last_seen="2026-08-01T00:00:00Z"),
        )
        for i in range(4)
    ]  # fmt: skip
    chosen = policy(members="  widen egress to /24 when seen >= 2 in 7d")
    envelope, said = lowered(chosen, Observed(tuple(zero), frozenset(), 1))
    assert not envelope.domains[f"{direction.value}_ip"]
    (found,) = said
    assert found.code == "PC4011"
    assert f"`{direction.value} tcp 0`" in found.message


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_what_stays_in_the_pod_needs_no_grant(direction: Direction, address: str) -> None:
    here = PeerSeen(direction, "tcp", 8931, address, ("localhost",), sighting=WHERE)
    envelope, said = lowered(policy(), Observed((here,), frozenset(), 1))
    alone, _ = lowered(policy(), Observed((), frozenset(), 1))
    assert not said
    assert envelope.domains == alone.domains
