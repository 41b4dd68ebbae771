"""The addresses of granted names, beside the lines that speak of addresses."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy

from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.registry import EMITTERS
from policyc.envelope.domains import EGRESS_IP
from policyc.envelope.observation import (
    Direction,
    Observed,
    PeerSeen,
    Phase,
    Sighting,
)
from policyc.envelope.provenance import Evidence

KEPT, TAKEN, METADATA = "203.0.113.9", "10.1.2.3", "169.254.169.254"


def seen(number: int, address: str) -> PeerSeen:
    sighting = Sighting((Evidence("p.json", f"/{number}"),), Phase.APPLICATION, 1, 1, "", "")
    return PeerSeen(
        Direction.EGRESS, "tcp", 443, address, ("db.corp.example",), (), (), False, sighting
    )


def test_a_name_opens_no_address_that_is_taken_away() -> None:
    everything = Observed(
        tuple(seen(i, a) for i, a in enumerate((KEPT, TAKEN, METADATA))), frozenset(), 1
    )
    for members, lines in (
        ("  never egress * * to cidr 10.0.0.0/8", ""),
        ("", '  deny egress tcp 443 to cidr 10.1.0.0/16 because "R-2"'),
    ):
        envelope, said = lowered(policy(members=members, lines=lines), everything)
        assert [r.addresses for r in envelope.resolutions] == [(KEPT,)]
        (network,) = (e for e in EMITTERS if e.kind == "network-policy")
        documents = {a.path: a.document for a in network.emit(envelope).artifacts}
        permitted = network.denote(documents, envelope)["egress_ip"]
        for address in (TAKEN, METADATA):
            assert not permitted & EGRESS_IP.written({"address": f"{address}/32"})
            beaten = [d.message for d in said if d.code == "PC4010" and address in d.message]
            assert len(beaten) == 1


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ((), ["none was resolved"]),
        ((METADATA,), ["all protected or taken away"]),
        ((METADATA, TAKEN), ["all protected or taken away"]),
        ((METADATA, KEPT), []),
    ],
)
def test_the_reason_for_a_name_that_is_not_let_through(
    addresses: tuple[str, ...], words: list[str]
) -> None:
    chosen = policy(
        cap="    egress tcp 443 to host *.corp.example\n",
        members="  never egress * * to cidr 10.0.0.0/8",
        lines='  allow egress tcp 443 to host db.corp.example because "R-1"\n',
    )
    recorded = tuple(seen(i, address) for i, address in enumerate(addresses))
    envelope, _ = lowered(chosen, Observed(recorded, frozenset(), 1))
    narrowed = [n.message for n in NETWORK_POLICY.emit(envelope).narrowed]
    assert [n.partition("addresses: ")[2] for n in narrowed] == [
        w if w.startswith("none") else f"those that were seen are {w}" for w in words
    ]
