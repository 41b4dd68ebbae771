"""Rules decided against sets that are written by hand, and counterexamples against second evaluators."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from support.agents import AS_OF, lowered, policy
from support.envelopes import envelope
from support.oracle.authorizer import Request, allowed
from support.oracle.flows import Peer, passes

from policyc.core.source import Source
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.rbac import RBAC
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.envelope.region import Region
from policyc.envelope.timeline import Period
from policyc.pipeline.artifacts import from_bytes, to_bytes
from policyc.prove.decide import HOLDS, Decided, Reach, decide
from policyc.semantics.model import Clause, ExpectRule, NeverRule, NoNewRule

SPAN = Source("x", "x").span(0, 1)
DAY = str(AS_OF)
DATED = 'allow exec "/usr/bin/curl" until 2026-12-31 because "x"'


def clause(region: Region) -> Clause:
    return Clause(region.domain.name, region, SPAN, "x")


def never(region: Region, *, reach: bool = False) -> NeverRule:
    return NeverRule("never", SPAN, (clause(region),), reach)


def bot(lines: str) -> Envelope:
    return lowered(policy(lines=lines), Observed(()))[0]


def path(written: str) -> Region:
    return DOMAINS["exec"].written({"path": written})


def about(rule: NeverRule | ExpectRule, *envelopes: Envelope, day: str = DAY) -> Decided:
    return decide(rule, Reach(envelopes), day)


def test_a_rule_about_what_ends_fails_up_to_its_last_day() -> None:
    found = about(never(path("/usr/**")), bot(DATED))
    assert found.failing == (Period(DAY, "2026-12-31"),)
    assert found.counterexample is not None
    assert found.counterexample.point == {"path": "/usr/bin/curl"}
    (why,) = found.counterexample.derivations
    assert why.places[0].path == "p.agentpol"


@pytest.mark.parametrize(
    ("day", "holds"), [("2026-12-30", False), ("2026-12-31", False), ("2027-01-01", True)]
)
def test_it_ends_with_its_day(day: str, holds: bool) -> None:
    assert (about(never(path("/usr/**")), bot(DATED), day=day) == HOLDS) == holds


def test_an_expectation_holds_until_what_it_rests_on_ends() -> None:
    wanted = (clause(path("/usr/bin/curl")),)
    found = about(ExpectRule("expect", SPAN, wanted, allows=True), bot(DATED))
    assert found.failing == (Period("2027-01-01"),)
    assert found.counterexample is not None
    assert found.counterexample.is_missing
    for at, holds in (("2026-12-31", True), ("2027-01-01", False)):
        rule = ExpectRule("expect", SPAN, wanted, allows=True, at=at)
        assert (about(rule, bot(DATED)) == HOLDS) == holds
        rule = ExpectRule("expect", SPAN, wanted, allows=False, at=at)
        assert (about(rule, bot(DATED)) == HOLDS) != holds


def test_part_of_a_grant_is_not_the_grant() -> None:
    found = about(ExpectRule("x", SPAN, (clause(path("/usr/**")),), allows=True), bot(DATED))
    assert found.failing == (Period(DAY),)


@pytest.mark.parametrize("reach", [False, True], ids=["M14-own", "M3-by-delegation"])
def test_reach_counts_the_delegates(reach: bool) -> None:
    quiet, loud = bot('allow exec "/usr/bin/a" because "x"'), bot(DATED)
    found = about(never(path("/usr/bin/curl"), reach=reach), quiet, loud)
    assert (found == HOLDS) is not reach


def test_nothing_new_is_about_the_same_day_of_both() -> None:
    rule = NoNewRule("no new", SPAN, ("exec",), "REV", SPAN)
    before = bot(DATED)
    longer = bot(DATED.replace("2026-12-31", "2027-06-30"))
    now = Reach((longer,))
    assert decide(rule, now, DAY, longer) == HOLDS
    assert decide(rule, now, DAY, before).failing == (Period("2027-01-01", "2027-06-30"),)
    assert decide(rule, Reach((before,)), DAY, longer) == HOLDS
    assert decide(rule, now, DAY, None).failing == (Period(DAY, "2027-06-30"),)


# -- counterexamples against evaluators that know nothing of regions ----------------------

CONFIRMED = ("egress_ip", "egress_peer", "ingress_ip", "ingress_peer", "kube", "kube_url")
CASES = 150


def document(case: Envelope, path_: str) -> dict[str, object]:
    artifact = next(a for a in NETWORK_POLICY.emit(case).artifacts if a.path == path_)
    read = from_bytes(artifact.path, to_bytes(artifact.path, artifact.document))
    assert isinstance(read, dict)
    return dict(read)


def flow_passes(case: Envelope, domain: str, point: Mapping[str, str]) -> bool:
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
    policy_ = document(case, "networkpolicy.yaml")
    return passes(policy_, direction, peer, point["protocol"], int(point["port"]))


def request_allowed(case: Envelope, domain: str, point: Mapping[str, str]) -> bool:
    emission = RBAC.emit(case)
    objects = [from_bytes(a.path, to_bytes(a.path, a.document)) for a in emission.artifacts]
    request = Request(point["verb"], url=point["url"]) if domain == "kube_url" else Request(**point)
    return allowed(objects, ("support", "agent-x"), request)  # type: ignore[arg-type]  # JSON of our own


def left_out(case: Envelope, domain: str) -> bool:
    emissions = (NETWORK_POLICY.emit(case), RBAC.emit(case))
    return any(n.domain == domain for e in emissions for n in e.narrowed)


@pytest.mark.parametrize("domain", CONFIRMED)
def test_a_second_evaluator_confirms_the_counterexample(domain: str) -> None:
    """What an assertion is said to fail with is what the artifact really lets through."""
    confirmed = 0
    for seed in range(CASES):
        case = envelope(random.Random(seed))
        found = about(never(DOMAINS[domain].full), case)
        if found == HOLDS:
            assert not case.domains[domain]
            continue
        shown = found.counterexample
        assert shown is not None
        assert shown.derivations
        if left_out(case, domain):
            continue  # the artifact says less than the envelope, and the build says so
        is_flow = domain.endswith(("_ip", "_peer"))
        answer = (flow_passes if is_flow else request_allowed)(case, domain, shown.point)
        assert answer, (seed, domain, shown.point)
        confirmed += 1
    assert confirmed > CASES // 10
