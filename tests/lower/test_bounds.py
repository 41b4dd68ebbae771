"""The second reading of a lowered envelope: silent about what lowering makes, loud about each excess."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.agents import AS_OF, lowered, policy
from support.observations import observed

from policyc.denote.network_policy import flow_ceiling
from policyc.envelope.domains import EGRESS_IP, EXEC, FILES
from policyc.envelope.model import ClusterFacts, Envelope, Resolution
from policyc.envelope.observation import Observed
from policyc.envelope.region import Region
from policyc.lower.bounds import beyond

CAP = '    exec "/usr/**"\n    files read "/**"\n    egress * * to anywhere\n    tool *: *\n'
CHOSEN = policy(
    cap=CAP,
    members='  never exec "/usr/bin/sh"\n  never egress * 53 to anywhere\n  approve tool tracker: write by "a@corp.example"',
    lines='  allow exec "/usr/bin/x" until 2026-12-31 because "R-2"\n'
    '  allow egress tcp 443 to host a.example.com until 2026-12-31 because "R-2"\n'
    '  allow tool tracker: write because "R-2"',
)


def made() -> Envelope:
    return lowered(CHOSEN, Observed(()))[0]


def words(envelope: Envelope) -> list[str]:
    return list(beyond(CHOSEN.agents[0], envelope, CHOSEN, AS_OF))


def more(region: Region) -> Callable[[Envelope], Envelope]:
    name = region.domain.name
    return lambda e: replace(e, domains={**e.domains, name: e.domains[name] | region})


def test_it_is_silent_about_what_lowering_makes() -> None:
    chosen = [CHOSEN, policy(), policy(members="  never kube * on secrets")]
    for seed in range(100):
        rng = random.Random(seed)
        one = rng.choice(chosen)
        envelope, _ = lowered(one, observed(rng))
        assert list(beyond(one.agents[0], envelope, one, AS_OF)) == []


def at(address: str) -> Resolution:
    return Resolution("a.example.com", "tcp", 443, (address,), ())


@pytest.mark.parametrize(
    ("bent", "says"),
    [
        (more(EXEC.written({"path": "/opt/x"})), "outside its cap"),
        (more(EXEC.written({"path": "/usr/bin/sh"})), "takes it away"),
        (more(FILES.written({"mode": "read", "path": "/etc/shadow"})), "it is protected"),
        (more(EGRESS_IP.written({"address": "169.254.169.254"})), "it is protected"),
        (lambda e: replace(e, cluster=ClusterFacts()), "takes it away"),
        (lambda e: replace(e, resolutions=(at("169.254.169.254"),)), "it is protected"),
        (lambda e: replace(e, expiries=()), "behind 2026-12-31"),
        (lambda e: replace(e, approvals=()), "a@corp.example's gate"),
    ],
)
def test_it_says_each_excess(bent: Callable[[Envelope], Envelope], says: str) -> None:
    assert words(made()) == []
    found = words(bent(made()))
    assert any(says in said for said in found), found


def test_what_has_ended_and_is_kept_is_said() -> None:
    late = replace(CHOSEN.agents[0], allows=())
    day = AS_OF.replace(year=2027)
    assert any("ended on 2026-12-31" in w for w in beyond(late, made(), CHOSEN, day))


def test_addresses_of_a_name_end_with_the_name() -> None:
    """The network may permit what a name stands for as long as the name is granted."""
    envelope = replace(made(), resolutions=(at("192.0.2.9"),))
    point = {"protocol": "tcp", "port": "443", "address": "192.0.2.9"}
    assert point in flow_ceiling(envelope.on("2026-12-31"))["egress_ip"]
    assert point not in flow_ceiling(envelope.on("2027-01-01"))["egress_ip"]
