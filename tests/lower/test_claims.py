"""What only the program says: names that it called a peer, and calls to nobody who is known to have answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.agents import WIDE, lowered, policy

from policyc.envelope.observation import (
    Direction,
    ModelSeen,
    Observation,
    Observed,
    PeerSeen,
    Sighting,
    ToolSeen,
)
from policyc.envelope.provenance import Evidence

SEEN = Sighting((Evidence("rec.json", "/spec/x/7"),))
HOSTS = """    egress tcp 443 to host *.example
    tool *: *
    model *
"""
ADDRESSES = HOSTS.replace("host *.example", "cidr 192.0.2.0/24")
POLICIES = {cap: policy(cap) for cap in (HOSTS, ADDRESSES, WIDE)}
names = st.lists(st.sampled_from(["a.example", "b.example", "c.test"]), max_size=2, unique=True)
peers = st.builds(
    lambda address, hosts, claimed: PeerSeen(
        Direction.EGRESS, "tcp", 443, address, tuple(hosts), sighting=SEEN, claimed=tuple(claimed)
    ),
    st.sampled_from(["192.0.2.7", "198.51.100.7", "10.0.0.9"]),
    names,
    names,
)


@given(st.lists(peers, max_size=4), st.sampled_from(sorted(POLICIES)))
def test_a_claim_grants_nothing_and_takes_nothing(seen: list[PeerSeen], cap: str) -> None:
    plain = [replace(one, claimed=()) for one in seen]
    with_, without = (
        lowered(POLICIES[cap], Observed(tuple(found), frozenset(), 1))[0] for found in (seen, plain)
    )
    assert with_.domains == without.domains
    assert with_.resolutions == without.resolutions


@pytest.mark.parametrize(("cap", "is_told"), [(HOSTS, True), (ADDRESSES, False)], ids=["by host", "by address"])  # fmt: skip
def test_a_claim_is_told_where_its_address_is_not_granted(cap: str, is_told: bool) -> None:
    peer = PeerSeen(
        Direction.EGRESS, "tcp", 443, "192.0.2.7", sighting=SEEN, claimed=("a.example",)
    )
    envelope, said = lowered(POLICIES[cap], Observed((peer,), frozenset(), 1))
    found = [d for d in said if d.code == "PC4018"]
    assert bool(found) is is_told is not bool(envelope.domains["egress_ip"])
    for one in found:
        assert "`192.0.2.7 as a.example`" in one.message
        assert "`rec.json#/spec/x/7`" in one.message
    notes = [d.note for grant in envelope.grants["egress_ip"] for d in grant.derivations]
    assert notes == ([] if is_told else ["the program called it a.example, and no answer of a name server does"])  # fmt: skip


def test_a_name_without_an_address_is_nobody() -> None:
    peer = PeerSeen(Direction.EGRESS, "tcp", 443, sighting=SEEN, claimed=("a.example",))
    envelope, said = lowered(POLICIES[HOSTS], Observed((peer,), frozenset(), 1))
    assert not any(envelope.domains[d] for d in ("egress_ip", "egress_host", "egress_peer"))
    assert {d.code for d in said} == {"PC4011", "PC4018"}


@pytest.mark.parametrize(
    "call", [ToolSeen("tracker", "read", SEEN), ModelSeen("a/large", "", SEEN)]
)
def test_a_claimed_call_grants_nothing_until_something_else_does(
    call: ToolSeen | ModelSeen,
) -> None:
    claimed: Observation = replace(call, claimed=True)
    domain = "tools" if isinstance(call, ToolSeen) else "models"
    for seen, is_granted in (((claimed,), False), ((claimed, call), True)):
        envelope, said = lowered(POLICIES[WIDE], Observed(seen, frozenset(), 1))
        assert bool(envelope.domains[domain]) is is_granted
        assert ("PC4019" in {d.code for d in said}) is not is_granted
