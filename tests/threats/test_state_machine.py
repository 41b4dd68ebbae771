"""Closures, acceptances, stages and events in any order: there is no third state.

The oracle is written against single days: it asks, for one day, whether some line covers it.
The product works with stretches of days.  10,000 steps at moments on both sides
of midnight, told in several time zones: the day of the product's clock is the oracle's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.admission import SETTINGS, bundle, pod, request, view
from support.samples import ROOT

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.view import View
from policyc.catalog.vocabulary import COMPONENTS, EVENTS
from policyc.core.source import Source
from policyc.envelope.codec import decode, encode
from policyc.envelope.model import Envelope, ThreatState
from policyc.envelope.timeline import day_of
from policyc.semantics.catalogue import Acceptance, Catalogue, Closure, Event, ThreatSpec
from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.judge import with_threats

SPAN = Source("p.agentpol", "T").span(0, 1)
FIRST = date(2026, 9, 1)
DAYS = 10
STEPS = 10_000
THREATS = {
    name: ThreatSpec(name, name.lower(), "coercion", SPAN, (component,), facts=("container",))
    for name, component in zip(("T1", "T2", "T3"), COMPONENTS, strict=False)
}
WITHOUTS = {("class", name): dict.fromkeys(COMPONENTS, "not here") for name in ("research-agents",)}

days = st.integers(0, DAYS).map(lambda n: (FIRST + timedelta(days=n)).isoformat())
threats = st.sampled_from(sorted(THREATS))
subjects = st.sampled_from(
    [("agent", "research"), ("class", "research-agents"), ("agent", "summary"), ("class", "others")]
)
named = st.none() | st.lists(st.sampled_from(sorted(EVENTS)), max_size=3).map(tuple)
moments = st.builds(
    lambda n, second: datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=n, seconds=second),
    st.integers(0, DAYS),
    st.sampled_from([0, 1, 43_200, 86_398, 86_399]),
)
zones = st.sampled_from([-11, -1, 0, 2, 14]).map(lambda hours: timezone(timedelta(hours=hours)))


@cache
def base() -> tuple[CheckedAgent, Envelope, CheckedPolicy, View]:
    policy = check(load(ROOT / "tests/cases/admission/research").value).value
    agent = next(a for a in policy.agents if a.name == "research")
    return agent, bundle().agents["research"].envelope, policy, view()


def is_mine(subject: tuple[str, str]) -> bool:
    return subject in {("agent", "research"), ("class", "research-agents")}


def hits(event: Event, cover: Closure | Acceptance) -> bool:
    """Whether an event is about this agent and ends this cover."""
    components = set(THREATS[cover.threat].components)
    does = (
        event.name in cover.reopens
        if cover.reopens is not None
        else bool(components & set(EVENTS[event.name]))
    )
    mine = is_mine(event.subject) or event.subject == ("server", "web")
    return does and mine and event.at[:10] >= cover.since


class Threats(RuleBasedStateMachine):
    """Lines are written, events happen, time goes by; after each step all are asked."""

    seen: ClassVar[set[str]] = set()
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.catalogue = Catalogue(threats=THREATS, withouts=WITHOUTS)
        self.stage = "audit"
        self.now = datetime(2026, 9, 1, tzinfo=UTC)
        self.asked = 0

    # -- what people do

    @rule(threat=threats, subject=subjects, since=st.just("") | days, reopens=named, shown=st.booleans())  # fmt: skip
    def close(
        self, threat: str, subject: tuple[str, str], since: str, reopens: tuple[str, ...] | None, shown: bool
    ) -> None:  # fmt: skip
        made = Closure(threat, subject, SPAN, since, "by", reopens=reopens, is_shown=shown)
        self.catalogue = replace(self.catalogue, closures=(*self.catalogue.closures[-3:], made))

    @rule(threat=threats, subject=subjects, since=st.just("") | days, until=days, reopens=named)
    def accept(
        self, threat: str, subject: tuple[str, str], since: str, until: str, reopens: tuple[str, ...] | None
    ) -> None:  # fmt: skip
        made = Acceptance(threat, subject, until, SPAN, since, "why", "who", reopens)
        kept = self.catalogue.acceptances[-3:]
        self.catalogue = replace(self.catalogue, acceptances=(*kept, made))

    @rule(
        name=st.sampled_from(sorted(EVENTS)),
        subject=subjects | st.sampled_from([("server", "web"), ("server", "x"), ("store", "x")]),
        at=moments,
    )
    def happens(self, name: str, subject: tuple[str, str], at: datetime) -> None:
        """An event never closes anything, on any day, and touches nothing outside of its scope."""
        before = self.states()
        event = Event(at.strftime("%Y-%m-%dT%H:%M:%SZ"), name, subject, "security", "platform")
        self.catalogue = replace(self.catalogue, events=(*self.catalogue.events[-5:], event))
        if len(self.catalogue.events) < 6:  # none was forgotten
            after = self.states()
            for key, state in after.items():
                assert state is before[key] or before[key] is not ThreatState.OPEN
                if state is not before[key]:
                    assert is_mine(subject) or subject == ("server", "web")
                    assert key[1] >= event.day

    @rule()
    def forget(self) -> None:
        self.catalogue = Catalogue(threats=THREATS, withouts=WITHOUTS)

    @rule(stage=st.sampled_from(["observe", "audit", "enforce"]))
    def move(self, stage: str) -> None:
        self.stage = stage

    @rule(now=moments, zone=zones)
    def pass_time(self, now: datetime, zone: timezone) -> None:
        self.now = now.astimezone(zone)

    # -- what must hold

    def judged(self, day: date) -> tuple[Envelope, list[str]]:
        agent, envelope, policy, _ = base()
        agent = replace(agent, stage=self.stage)
        envelope = replace(envelope, subject=replace(envelope.subject, stage=self.stage))
        outcome = with_threats(agent, envelope, replace(policy, catalogue=self.catalogue), day)
        return outcome.value, [
            d.message.split("`")[1] for d in outcome.diagnostics if d.code == "PC3101"
        ]

    def states(self) -> dict[tuple[str, str], ThreatState]:
        envelope, _ = self.judged(FIRST)
        return {
            (threat.id, day): threat.on(day)
            for threat in envelope.threats
            for n in range(DAYS + 2)
            for day in [(FIRST + timedelta(days=n)).isoformat()]
        }

    def expected(self, threat: str, day: str) -> ThreatState:
        def covers(cover: Closure | Acceptance) -> bool:
            reopened = any(hits(e, cover) and e.at[:10] <= day for e in self.catalogue.events)
            return (
                cover.threat == threat
                and is_mine(cover.subject)
                and cover.since <= day
                and not reopened
            )

        if any(covers(c) and c.is_shown for c in self.catalogue.closures):
            return ThreatState.CLOSED
        if any(covers(a) and day <= a.until for a in self.catalogue.acceptances):
            return ThreatState.ACCEPTED
        return ThreatState.OPEN

    @invariant()
    def all_agree_at_this_second(self) -> None:
        type(self).steps += 1
        day = self.now.astimezone(UTC).strftime("%Y-%m-%d")
        clock = day_of(self.now)  # of the commands and of the webhook
        envelope, blocking = self.judged(date.fromisoformat(clock))
        for threat in envelope.threats:
            state = self.expected(threat.id, day)
            assert threat.on(clock) is state
            self.seen.add(state.value)
        open_ = sorted(t for t in THREATS if self.expected(t, day) is ThreatState.OPEN)
        is_enforced = self.stage == "enforce"
        assert sorted(blocking) == (open_ if is_enforced else [])
        assert self.refused(envelope, clock) == (open_ if is_enforced else [])

    def refused(self, envelope: Envelope, day: str) -> list[str]:
        """For which threats the webhook refuses a pod, of the envelope as it travels."""
        self.asked += 1
        is_sent = self.asked % 16 == 0  # the codec has laws of its own, and takes most of the time
        made = Bundle([Agent(decode(encode(envelope)) if is_sent else envelope)])
        verdict = evaluate(request(pod()), made, base()[3], SETTINGS, day)
        return sorted(
            f.message.split("`")[1] for f in verdict.findings if f.reason == "THREAT_OPEN"
        )


Threats.TestCase.settings = settings(max_examples=115, stateful_step_count=100, deadline=None)


class TestThreats(Threats.TestCase):  # type: ignore[misc,name-defined]  # made by Hypothesis
    """M16, M20, M21: the machine, and that it was in every state."""

    def runTest(self) -> None:  # noqa: N802  # unittest's name
        super().runTest()
        assert Threats.seen == {state.value for state in ThreatState}
        assert Threats.steps >= STEPS
