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
