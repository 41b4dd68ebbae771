"""Counterexamples against judges that know nothing of regions: evaluator, authorizer, kernel.

What an assertion is said to fail with is what the artifact really lets through; what a
test is said to miss is what it really refuses.  Envelopes are drawn, and lowered from
drawn recordings under policies that are written as users write them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from support.agents import AS_OF, lowered, policy
from support.envelopes import (
    envelope,
    ip_region,
    kube_region,
    peer_region,
    syscall_region,
    url_region,
)
from support.observations import observed
from support.oracle import kernel
from support.oracle.authorizer import Request, allowed
from support.oracle.flows import Peer, passes

from policyc.catalog.syscalls import names, number
from policyc.core.source import Source
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.rbac import RBAC
from policyc.emit.registry import EMITTERS
from policyc.emit.seccomp import SECCOMP, path_of
from policyc.envelope import domains as d
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region
from policyc.pipeline.artifacts import from_bytes, to_bytes
from policyc.prove.decide import HOLDS, Counterexample, Reach, decide
from policyc.semantics.model import Clause, ExpectRule, NeverRule

SPAN = Source("x", "x").span(0, 1)
DAY = str(AS_OF)
CASES = 150
LINES = '  deny tool tracker: write\n  allow egress tcp 443 to cidr 192.0.2.0/24 until 2026-12-31 because "R-2"'
POLICIES = (
    policy(),
    policy(members="  widen egress to /24 when seen >= 3 in 30d\n  never kube * on secrets"),
    policy(lines=LINES),
)

Point = Mapping[str, str]


def cases(seed: int) -> tuple[Envelope, Envelope]:
    """A drawn envelope, and one that is lowered from a drawn recording."""
    rng = random.Random(seed)
    return envelope(rng), lowered(rng.choice(POLICIES), observed(rng))[0]


def documents(case: Envelope, emitter: object) -> dict[str, object]:
    """The artifacts of one kind, as they are read back from their bytes."""
    emission = next(e for e in EMITTERS if e is emitter).emit(case)
    return {a.path: from_bytes(a.path, to_bytes(a.path, a.document)) for a in emission.artifacts}


def flow_passes(case: Envelope, domain: str, point: Point) -> bool:
    direction, kind = domain.split("_")
    if kind == "ip":
        peer = Peer(address=point["address"])
    else:
        labels = {n.partition(":")[2]: v[1:] for n, v in point.items() if n.startswith("pod:")}
        spaces = {
            n.partition(":")[2]: v[1:] for n, v in point.items() if n.startswith("namespace:")
        }
        name = spaces.setdefault("kubernetes.io/metadata.name", "other")
        peer = Peer(
            namespace=name,
            namespace_labels=tuple(sorted(spaces.items())),
            pod_labels=tuple(sorted(labels.items())),
        )
    (document,) = documents(case, NETWORK_POLICY).values()
    return passes(document, direction, peer, point["protocol"], int(point["port"]))  # type: ignore[arg-type]  # JSON of our own


def request_allowed(case: Envelope, domain: str, point: Point) -> bool:
    objects = [*documents(case, RBAC).values()]
    request = Request(point["verb"], url=point["url"]) if domain == "kube_url" else Request(**point)
    namespace, _, name = case.subject.service_account.partition("/")
    return allowed(objects, (namespace, name), request)  # type: ignore[arg-type]  # JSON of our own


def call_passes(case: Envelope, domain: str, point: Point) -> bool:
    """Whether the kernel lets the call through in a process under the agent's filter."""
    del domain
    profile = documents(case, SECCOMP)[path_of(kernel.HERE)]
    numbers = {name: number(kernel.HERE, name) for name in names(kernel.HERE)}
    asked = number(kernel.HERE, point["name"])
    return kernel.answers(profile, numbers, [asked]) == [kernel.ALLOWED]  # type: ignore[arg-type]  # JSON of our own


def left_out(case: Envelope, domain: str) -> bool:
    """Whether the artifact says less than the envelope, which the build reports."""
    return any(n.domain == domain for e in EMITTERS for n in e.emit(case).narrowed)


def can_be(domain: str, point: Point) -> bool:
    """Whether such a request exists: nobody listens on port 0, and what is created has no name yet."""
    if "port" in point:
        return point["port"] != "0"
    if domain == "kube":
        is_named = point["name"] != "" and (
            point["verb"] == "deletecollection"
            or (point["verb"] == "create" and "/" not in point["resource"])
        )
        is_placed = point["namespace"] != "" and point["resource"] == "nodes"
        return not (is_named or is_placed)
    return True


def confirmed(
    case: Envelope, domain: str, region: Region, judge: Callable[[Envelope, str, Point], bool]
) -> tuple[bool, bool]:
    """Which of a forbidden and an expected region gave a counterexample; both are put to the judge."""
    clauses = (Clause(domain, region, SPAN, "x"),)
    reach = Reach((case,))
    never = decide(NeverRule("never", SPAN, clauses), reach, DAY)
    expect = decide(ExpectRule("expect", SPAN, clauses, allows=True), reach, DAY)
    shown: list[Counterexample | None] = []
    for decided in (never, expect):
        found = decided.counterexample
        assert (found is None) == (decided == HOLDS)
        is_asked = found is not None and can_be(domain, found.point)
        starts_today = found is not None and decided.failing[0].first == DAY
        shown.append(found if is_asked and starts_today else None)
    granted, missing = shown
    if granted is not None and not left_out(case, domain):
        assert granted.derivations
        assert judge(case, domain, granted.point), granted.point
    if missing is not None and missing.point not in ceiling(case, domain):
        assert not judge(case, domain, missing.point), missing.point
    return granted is not None, missing is not None


def ceiling(case: Envelope, domain: str) -> Region:
    """What the artifact may let through beside the grants: DNS, start-up and unseen calls, resolved addresses."""
    emitter = next(e for e in (NETWORK_POLICY, RBAC, SECCOMP) if domain in e.domains)
    return emitter.ceiling(case)[domain]


DRAWN: dict[str, Callable[[random.Random], Region]] = {
    "egress_ip": lambda rng: ip_region(rng, d.EGRESS_IP),
    "ingress_ip": lambda rng: ip_region(rng, d.INGRESS_IP),
    "egress_peer": lambda rng: peer_region(rng, d.EGRESS_PEER),
    "ingress_peer": lambda rng: peer_region(rng, d.INGRESS_PEER),
    "kube": kube_region,
    "kube_url": url_region,
}
"""Domain -> what a rule about it may be about."""


@pytest.mark.parametrize("domain", DRAWN)
def test_the_evaluator_and_the_authorizer_confirm(domain: str) -> None:
    judge = request_allowed if domain.startswith("kube") else flow_passes
    granted = missing = 0
    for seed in range(CASES):
        rng = random.Random(seed)
        for case in cases(seed):
            for region in (DRAWN[domain](rng), d.DOMAINS[domain].full):
                one, other = confirmed(case, domain, region, judge)
                granted += one
                missing += other
    assert granted > CASES // 5
    assert missing > CASES


@pytest.mark.system  # libseccomp, and a kernel that filters
def test_the_kernel_confirms() -> None:
    granted = missing = 0
    for seed in range(CASES // 5):
        rng = random.Random(seed)
        for case in cases(seed):
            region = syscall_region(rng, kernel.HERE)
            one, other = confirmed(case, "syscalls", region, call_passes)
            granted += one
            missing += other
    assert granted > CASES // 15
    assert missing > CASES // 5
