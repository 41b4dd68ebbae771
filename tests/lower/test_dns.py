"""What a line takes away is not given back as the cluster's DNS."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy
from support.oracle.flows import Peer, passes

from policyc.emit.network_policy import NETWORK_POLICY
from policyc.envelope.observation import Direction, Observed, PeerSeen, Phase, Sighting
from policyc.envelope.provenance import Evidence

SYSTEM = (("kubernetes.io/metadata.name", "kube-system"),)
PODS = Peer(namespace="kube-system", namespace_labels=SYSTEM, pod_labels=(("k8s-app", "kube-dns"),))
LOCAL = Peer(address="169.254.20.10")
HOST = '  allow egress tcp 443 to host api.example.com because "R-1"\n'


@pytest.mark.parametrize("word", ["never", "deny"])
@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("egress udp 53 to anywhere", set()),
        ("egress tcp 53 to anywhere", set()),
        ("egress * * to cidr 169.254.0.0/16", {PODS}),
        ("egress udp 53 to pods labeled k8s-app=kube-dns in any namespace", {LOCAL}),
        ("egress tcp 5353 to anywhere", {PODS, LOCAL}),
        ("egress tcp 53 to cidr 192.0.2.0/24", {PODS, LOCAL}),
    ],
)
def test_the_line_holds_against_dns(word: str, line: str, left: set[Peer]) -> None:
    never = f"  never {line}\n" if word == "never" else ""
    deny = f"  deny {line}\n" if word == "deny" else ""
    envelope, said = lowered(policy(members=never, lines=HOST + deny), Observed((), frozenset(), 0))
    document = NETWORK_POLICY.emit(envelope).artifacts[0].document
    assert isinstance(document, dict)
    for peer in (PODS, LOCAL):
        for protocol in ("udp", "tcp"):
            assert passes(document, "egress", peer, protocol, 53) == (peer in left), (
                peer,
                protocol,
            )
    warned = [d.severity for d in said if d.code == "PC4013"]
    assert len(warned) == 2 - len(left)
    assert ("none is left" in " ".join(d.message for d in said)) == (not left)


def test_an_agent_that_connects_to_nothing_is_told_nothing() -> None:
    chosen = policy(members="  never egress udp 53 to anywhere\n")
    _, said = lowered(chosen, Observed((), frozenset(), 0))
    assert "PC4013" not in {d.code for d in said}


def test_a_question_that_a_line_takes_away_is_overreach() -> None:
    where = Sighting((Evidence("p.json", "/0"),), Phase.APPLICATION)
    seen = PeerSeen(Direction.EGRESS, "udp", 53, "169.254.20.10", sighting=where)
    chosen = policy(members="  never egress udp 53 to anywhere\n")
    envelope, said = lowered(chosen, Observed((seen,), frozenset(), 1))
    assert "PC4010" in {d.code for d in said}
    assert not envelope.domains["egress_ip"]
