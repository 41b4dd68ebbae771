"""The CIDR ladder against its sentence: N addresses of one network within so many days."""

from __future__ import annotations

import ipaddress
import random
from datetime import UTC, datetime, timedelta
from itertools import product

from support.agents import policy
from support.scale import MANY

from policyc.core.source import Source
from policyc.envelope import domains as d
from policyc.envelope.observation import Direction, PeerSeen, Phase, Sighting
from policyc.envelope.provenance import Evidence, Step
from policyc.envelope.region import Region
from policyc.lower.ladder import widened
from policyc.semantics.model import Rung

CASES = MANY * 3 // 10
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
DAY = 86_400
SPAN = Source("p.agentpol", "widen egress to /24 when seen >= 2 in 7d\n").span(0, 40)
ADDRESSES = (
    *(f"198.51.100.{i}" for i in range(6)),
    *(f"198.51.101.{i}" for i in range(3)),
    *(f"2001:db8::{i}" for i in range(4)),
    "169.1.0.1", "169.2.0.1", "169.3.0.1", "not an address", "169.254.1.1", "169.254.1.2", "169.254.1.3", "127.0.0.1", "127.0.0.2", "127.0.0.3", "fe80::1", "fe80::2",
)  # fmt: skip
LOCAL = d.EGRESS_IP.written({"address": ["169.254.0.0/16", "127.0.0.0/8", "fe80::/10", "::1/128"]})


def peer(rng: random.Random, number: int) -> PeerSeen:
    """A connection; now and then one that no ladder may count."""
    moment = BEGIN + timedelta(hours=rng.randrange(24 * 12))
    when = "" if rng.random() < 0.1 else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    is_pod = rng.random() < 0.1
    return PeerSeen(
        Direction.INGRESS if rng.random() < 0.1 else Direction.EGRESS,
        rng.choice(("tcp", "udp")),
        rng.choice((443, 8443)),
        rng.choice(ADDRESSES),
        ("api.example.com",) if rng.random() < 0.1 else (),
        (),
        (("app", "a"),) if is_pod else (),
        is_pod,
        Sighting((Evidence("p.json", f"/{number}"),), Phase.APPLICATION, 1, 1, "", when),
    )


def peers(rng: random.Random) -> list[PeerSeen]:
    return [peer(rng, number) for number in range(rng.randrange(40))]


def rung(rng: random.Random) -> Rung:
    prefix = rng.choice((8, 23, 24, 30, 64, 120))
    return Rung(prefix, rng.randint(2, 4), rng.choice((1, 3, 7)) * DAY, SPAN)


def granted(seen: list[PeerSeen], rungs: list[Rung]) -> Region:
    return d.EGRESS_IP.union(c.region for c in widened(seen, rungs))


def moment_of(one: PeerSeen) -> datetime:
    return datetime.strptime(one.sighting.last_seen, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def by_the_sentence(seen: list[PeerSeen], one: Rung) -> Region:
    """Try every network of every address and every beginning of the time span."""
    counted = [
        p
        for p in seen
        if p.direction is Direction.EGRESS
        and not (p.is_pod or p.hosts or p.address == "not an address")
        and p.sighting.last_seen
    ]
    regions = []
    for flow, start in product({(p.protocol, p.port, p.address) for p in counted}, counted):
        protocol, port, written = flow
        address = ipaddress.ip_address(written)
        if one.prefix > address.max_prefixlen or address.is_link_local or address.is_loopback:
            continue
        network = ipaddress.ip_network((address, one.prefix), strict=False)
        begin = moment_of(start)
        inside = {
            p.address
            for p in counted
            if (p.protocol, p.port) == (protocol, port)
            and ipaddress.ip_address(p.address) in network
            and not ipaddress.ip_address(p.address).is_link_local
            and not ipaddress.ip_address(p.address).is_loopback
            and begin <= moment_of(p) <= begin + timedelta(seconds=one.within_seconds)
        }
        if len(inside) >= one.seen:
            box = {"protocol": protocol, "port": str(port), "address": str(network)}
            regions.append(d.EGRESS_IP.written(box) - LOCAL)
    return d.EGRESS_IP.union(regions)


def test_a_network_is_granted_exactly_when_the_sentence_holds() -> None:
    widened_at_all = 0
    for seed in range(CASES):
        rng = random.Random(seed)
        seen, one = peers(rng), rung(rng)
        assert granted(seen, [one]) == by_the_sentence(seen, one), seed
        widened_at_all += bool(granted(seen, [one]))
    assert widened_at_all > CASES // 10


def test_more_sightings_and_easier_rungs_only_add() -> None:
    for seed in range(CASES):
        rng = random.Random(seed)
        seen, one = peers(rng), rung(rng)
        before = granted(seen, [one])
        assert before <= granted([*seen, *peers(rng)], [one])
        assert before <= granted(seen, [Rung(one.prefix, one.seen - 1, one.within_seconds, SPAN)])
        assert before <= granted(seen, [Rung(one.prefix, one.seen, one.within_seconds * 2, SPAN)])
        assert before <= granted(seen, [one, rung(rng)])


def test_the_order_and_repetition_of_sightings_are_no_matter() -> None:
    for seed in range(CASES):
        rng = random.Random(seed)
        seen, rungs = peers(rng), [rung(rng), rung(rng)]
        assert granted(rng.sample([*seen, *seen], 2 * len(seen)), rungs) == granted(seen, rungs)
        assert granted(seen, rungs[::-1]) == granted(seen, rungs)


def test_a_candidate_rests_on_as_many_sightings_as_its_rung_asks_for() -> None:
    for seed in range(CASES):
        rng = random.Random(seed)
        seen, one = peers(rng), rung(rng)
        for candidate in widened(seen, [one]):
            reason = candidate.derivation
            assert reason.step is Step.CIDR_LADDER
            assert reason.needed == one.seen
            assert len(reason.evidence) >= one.seen
            assert [str(place) for place in reason.places] == ["p.agentpol:1:1"]
            behind = [p for p in seen if set(p.sighting.evidence) & set(reason.evidence)]
            for p in behind:
                point = {"protocol": p.protocol, "port": str(p.port), "address": p.address}
                assert point in candidate.region


def test_no_rung_reaches_metadata_services_or_the_loopback() -> None:
    for seed in range(CASES):
        rng = random.Random(seed)
        short = Rung(rng.choice((8, 24, 30, 64, 120)), 2, 30 * DAY, SPAN)
        assert not granted(peers(rng), [short]) & LOCAL


def test_rungs_of_a_policy_are_what_it_says() -> None:
    checked = policy(members="  widen egress to /24 when seen >= 3 in 7d")
    (one,) = checked.agents[0].rungs
    assert (one.prefix, one.seen, one.within_seconds) == (24, 3, 7 * DAY)
