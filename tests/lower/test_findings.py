"""What is said of what was observed and is not granted: where it was seen, and what forbids it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from support.agents import MANIFESTS, WIDE, lowered, policy
from support.observations import observed
from support.scale import MANY

from policyc.core.diagnostics import Diagnostic
from policyc.envelope.domains import EGRESS_IP, SYSCALLS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import (
    Direction,
    ExecSeen,
    FileSeen,
    KubeSeen,
    Observation,
    Observed,
    PeerSeen,
    Sighting,
    SyscallSeen,
    is_vain,
)
from policyc.envelope.provenance import Evidence

SEEN = Sighting((Evidence("rec.json", "/spec/x/7"),))
NARROW = WIDE.replace('    exec "/**"\n', "").replace('"/**"', '"/data/**"')


def peer(address: str, port: int = 443, *hosts: str, unanswered: bool = False) -> PeerSeen:
    return PeerSeen(
        Direction.EGRESS, "tcp", port, address, hosts, sighting=SEEN, unanswered=unanswered
    )


def one(code: str, observation: Observation, cap: str = WIDE, lines: str = "") -> Diagnostic:
    seen = Observed((observation,), frozenset(), 1)
    _, found = lowered(policy(cap, lines=lines), seen)
    (finding,) = [d for d in found if d.code == code]
    return finding


@pytest.mark.parametrize(
    ("code", "observation"),
    [
        ("PC4001", FileSeen("/etc/x", frozenset({"read"}), SEEN)),
        ("PC4002", ExecSeen("/bin/sh", SEEN)),
        ("PC4003", peer("10.0.0.9")),
        ("PC4010", peer("169.254.169.254", 80)),
        ("PC4014", SyscallSeen("amd64", "memfd_create", SEEN, denied=True)),
        ("PC4017", peer("192.0.2.7", unanswered=True)),
        ("PC4017", peer("10.0.0.9", unanswered=True)),
        ("PC4017", peer("192.0.2.7", 443, "far.example", unanswered=True)),
    ],
)
def test_the_place_in_the_recording_is_named(code: str, observation: Observation) -> None:
    assert one(code, observation, NARROW).message.endswith("; seen at `rec.json#/spec/x/7`")


@pytest.mark.parametrize(
    ("observation", "lines", "why"),
    [
        (peer("169.254.169.254", 80), "", "although protected; not granted"),
        (
            FileSeen("/data/x", frozenset({"read"}), SEEN),
            '  deny files read "/data/**"',
            'although `deny files read "/data/**"` forbids it; not granted',
        ),
        (
            KubeSeen("get", "", "pods", "demo", "", "", "ClusterRoleBinding cluster-admin", SEEN),
            "",
            "although only ClusterRoleBinding cluster-admin, which grants everything, permits it",
        ),
    ],
    ids=["protected", "denied", "administrator"],
)
def test_what_forbids_it_is_named(observation: Observation, lines: str, why: str) -> None:
    found = one("PC4010", observation, WIDE, lines)
    assert why in found.message
    # No `allow` beats a `deny`: only where nothing takes it away is one proposed.
    assert ("`allow` line" in (found.help or "")) == (not lines)


@pytest.mark.parametrize(
    ("address", "port", "is_named"),
    [("10.96.0.1", 443, True), ("10.96.0.1", 80, False), ("10.96.0.2", 443, False)],
)
def test_the_api_servers_service_is_recognised(address: str, port: int, is_named: bool) -> None:
    help_ = one("PC4003", peer(address, port)).help or ""
    assert ("API server's Service" in help_) == is_named


def test_the_manifests_say_where_the_api_server_is() -> None:
    own = """---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec:
  clusterIP: 10.1.0.1
  ports: [{port: 443, targetPort: 6443}]
"""
    chosen = policy(manifests=MANIFESTS + own)
    for address, is_named in (("10.1.0.1", True), ("10.96.0.1", False)):
        _, found = lowered(chosen, Observed((peer(address),), frozenset(), 1))
        (finding,) = [d for d in found if d.code == "PC4003"]
        assert ("API server's Service" in (finding.help or "")) == is_named


def refusals(*more: Observation, lines: str = "") -> tuple[bool, set[str]]:
    """Whether a call that seccomp refused is granted, and the codes of what is said."""
    refused = SyscallSeen("amd64", "memfd_create", SEEN, denied=True)
    seen = Observed((refused, *more), frozenset(), 1)
    envelope, found = lowered(policy(WIDE, lines=lines), seen)
    point = {"architecture": "amd64", "name": "memfd_create"}
    granted = any(SYSCALLS.written(point) <= g.region for g in envelope.grants["syscalls"])
    return granted, {d.code for d in found}


def test_a_call_that_was_tried_is_not_granted_by_it() -> None:
    granted, codes = refusals()
    assert (granted, "PC4014" in codes) == (False, True)


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ((), '  allow syscalls memfd_create because "PLAT-1: a new library"'),
        ((SyscallSeen("amd64", "memfd_create", SEEN),), ""),
    ],
    ids=["a line", "another recording"],
)
def test_what_else_grants_it_ends_the_finding(more: tuple[Observation, ...], lines: str) -> None:
    granted, codes = refusals(*more, lines=lines)
    assert (granted, "PC4014" in codes) == (True, False)


def unanswered(tried: PeerSeen, *more: Observation, lines: str = "") -> tuple[Envelope, set[str]]:
    """What is granted, and the codes of what is said, when a peer was asked and never answered."""
    seen = Observed((tried, *more), frozenset(), 1)
    envelope, found = lowered(policy(WIDE, lines=lines), seen)
    return envelope, {d.code for d in found}


@pytest.mark.parametrize("hosts", [(), ("far.example",)])
def test_a_peer_that_never_answered_is_granted_in_no_domain(hosts: tuple[str, ...]) -> None:
    envelope, codes = unanswered(peer("192.0.2.7", 443, *hosts, unanswered=True))
    assert "PC4017" in codes
    assert not any(envelope.grants[d] for d in ("egress_ip", "egress_host", "egress_peer"))
    answered, codes = unanswered(peer("192.0.2.7", 443, *hosts))
    assert "PC4017" not in codes
    assert any(answered.grants[d] for d in ("egress_ip", "egress_host"))


def test_an_address_that_never_answered_is_none_that_a_granted_name_resolves_to() -> None:
    """Else a name that somebody else's DNS server answers for would open any address."""
    near = peer("192.0.2.8", 443, "far.example")
    envelope, codes = unanswered(peer("192.0.2.7", 443, "far.example", unanswered=True), near)
    assert [r.addresses for r in envelope.resolutions] == [("192.0.2.8",)]
    assert "PC4017" not in codes, "the name is granted"


@pytest.mark.parametrize(
    ("hosts", "more", "lines"),
    [
        ((), (), '  allow egress tcp 443 to cidr 192.0.2.0/24 because "PLAT-1: it is down"'),
        (("far.example",), (), '  allow egress tcp 443 to cidr 192.0.2.0/24 because "PLAT-1: x"'),
        (("far.example",), (), '  allow egress tcp 443 to host far.example because "PLAT-1: x"'),
        ((), (peer("192.0.2.7"),), ""),
    ],
    ids=["its address", "its address and not its name", "its name", "another recording"],
)
def test_what_else_grants_a_peer_ends_the_finding(
    hosts: tuple[str, ...], more: tuple[Observation, ...], lines: str
) -> None:
    _, codes = unanswered(peer("192.0.2.7", 443, *hosts, unanswered=True), *more, lines=lines)
    assert "PC4017" not in codes


def test_no_ladder_is_climbed_on_addresses_that_never_answered() -> None:
    lines = "  widen egress to /24 when seen >= 3 in 7d"
    for is_try in (False, True):
        peers = [
            replace(
                peer(f"192.0.2.{i}", unanswered=is_try),
                sighting=SEEN._replace(last_seen="2026-08-01T00:00:00Z"),
            )
            for i in range(4)
        ]
        envelope, _ = unanswered(*peers, lines=lines)
        box = {"protocol": "tcp", "port": "443", "address": "192.0.2.0/24"}
        granted = EGRESS_IP.union(g.region for g in envelope.grants["egress_ip"])
        assert (EGRESS_IP.written(box) <= granted) is not is_try


def test_a_try_adds_nothing_and_takes_nothing_whatever_else_was_seen() -> None:
    checked = policy(WIDE)
    for seed in range(MANY // 10):
        seen = observed(random.Random(seed))
        done = Observed(tuple(o for o in seen.observations if not is_vain(o)), seen.lossy, 3)
        (all_, _), (less, _) = lowered(checked, seen), lowered(checked, done)
        assert all_ == less
