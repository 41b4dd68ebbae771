"""Rules decided against sets that are written by hand."""

from __future__ import annotations

import pytest
from support.agents import AS_OF, lowered, policy

from policyc.core.source import Source
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.envelope.region import Region
from policyc.envelope.timeline import Period
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
