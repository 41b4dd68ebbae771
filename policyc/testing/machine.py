"""Stages, closures, acceptances and events of one agent in any order, as a state machine.

What must hold on each day is said of single days here; the product works with stretches of
days.  So the two do not share their mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import request_of
from policyc.catalog.vocabulary import EVENTS, STAGES
from policyc.core.diagnostics import Diagnostic, Related
from policyc.envelope.domains import MODELS, TOOLS
from policyc.envelope.model import Envelope, ThreatState
from policyc.semantics.catalogue import Acceptance, Catalogue, Closure, Event, Subject, ThreatSpec
from policyc.testing.asks import SETTINGS
from policyc.testing.broken import BrokenLawError
from policyc.testing.root import PolicyAgent
from policyc.threats.applies import applicable
from policyc.threats.judge import with_threats

_MOST = 3
"""Threats that one run is about: what closes one closes no other, so a few are enough."""

_WORST_FIRST = (ThreatState.OPEN, ThreatState.ACCEPTED, ThreatState.CLOSED)

DAYS = 10
"""The machine lives in so many days from that of the policy root on."""


class StageMachine(RuleBasedStateMachine):
    """Lines are written, events happen, days pass; after each step compiler and webhook agree.

    A subclass names the ``agent``, as ``stages_of`` does.  It may have rules of its own: they
    change ``catalogue``, ``stage`` and ``day`` (days after the first), and the invariants stay.
    """

    agent: ClassVar[PolicyAgent]

    def __init__(self) -> None:
        super().__init__()
        known = self.agent.root.policy.catalogue
        self.catalogue = Catalogue(threats=known.threats, withouts=known.withouts)
        self.stage = self.agent.checked.stage
        self.day = 0
        self.threats = {spec.id: spec for spec in applicable(known, self.agent.envelope)}
        self.mine = set(_own_subjects(self.agent))
        self.subjects = [*sorted(self.mine), ("agent", "somebody-else"), ("server", "elsewhere")]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A few of the agent's threats, with nothing closed and nothing accepted."""
        names = data.draw(
            st.sets(st.sampled_from(sorted(self.threats)), min_size=1, max_size=_MOST)
        )
        self.threats = {name: self.threats[name] for name in sorted(names)}
        self.catalogue = replace(self.catalogue, threats=self.threats)

    @rule(data=st.data(), since=st.integers(0, DAYS), is_shown=st.booleans())
    def close(self, data: st.DataObject, since: int, is_shown: bool) -> None:
        """Somebody closes a threat; the closure counts if its replay shows it."""
        spec, subject = self._covered(data)
        made = Closure(spec.id, subject, spec.span, self.date_of(since), "by", is_shown=is_shown)
        self.catalogue = replace(self.catalogue, closures=(*self.catalogue.closures, made))

    @rule(data=st.data(), since=st.integers(0, DAYS), until=st.integers(0, DAYS))
    def accept(self, data: st.DataObject, since: int, until: int) -> None:
        """Somebody accepts a threat up to the end of a day."""
        spec, subject = self._covered(data)
        first, last = self.date_of(since), self.date_of(until)
        made = Acceptance(spec.id, subject, last, spec.span, first, "why", "who")
        self.catalogue = replace(self.catalogue, acceptances=(*self.catalogue.acceptances, made))

    @rule(data=st.data(), name=st.sampled_from(sorted(EVENTS)), day=st.integers(0, DAYS))
    def happens(self, data: st.DataObject, name: str, day: int) -> None:
        """Something happens to somebody: it never makes a state better, on any day.

        A threat that was closed may be accepted after it, by a line younger than the event.
        """
        before = self.states()
        subject = data.draw(st.sampled_from(self.subjects))
        event = Event(f"{self.date_of(day)}T12:00:00Z", name, subject, "security", "platform")
        self.catalogue = replace(self.catalogue, events=(*self.catalogue.events, event))
        for (threat, on), state in self.states().items():
            if _WORST_FIRST.index(state) > _WORST_FIRST.index(before[threat, on]):
                raise self.broken(threat, f"event `{name}` makes it {state.value} on {on}")

    @rule(stage=st.sampled_from(STAGES))
    def move(self, stage: str) -> None:
        """The agent goes to another stage."""
        self.stage = stage

    @rule(days=st.integers(1, DAYS))
    def pass_time(self, days: int) -> None:
        """Days go by."""
        self.day = min(self.day + days, DAYS)

    @invariant()
    def no_third_state(self) -> None:
        """Each threat is closed or accepted by a line that covers the day, or it is open."""
        for (threat, day), state in self.states().items():
            wanted = self.expected(threat, day)
            if state is not wanted:
                raise self.broken(
                    threat, f"is {state.value} on {day}, and should be {wanted.value}"
                )

    @invariant()
    def enforcement_waits_for_open_threats(self) -> None:
        """Compiler and webhook refuse an agent at `enforce` for its open threats, and for no other."""
        day = self.date_of(self.day)
        envelope, blocking = self.judged()
        is_open = {t for t in self.threats if self.expected(t, day) is ThreatState.OPEN}
        wanted = is_open if self.stage == "enforce" else set()
        for who, refused in (("compiler", blocking), ("webhook", self.refused(envelope, day))):
            for threat in sorted(refused ^ wanted):
                does = "blocks" if threat in refused else "does not block"
                raise self.broken(threat, f"{does} `stage {self.stage}` on {day}, says the {who}")

    # -- what the machine knows

    def date_of(self, day: int) -> str:
        """A day of the machine as YYYY-MM-DD."""
        first: date = self.agent.root.as_of
        return (first + timedelta(days=day)).isoformat()

    def judged(self) -> tuple[Envelope, set[str]]:
        """The envelope with its threats, and those that the compiler refuses to enforce with."""
        agent = replace(self.agent.checked, stage=self.stage)
        subject = replace(self.agent.envelope.subject, stage=self.stage)
        policy = replace(self.agent.root.policy, catalogue=self.catalogue)
        day = self.agent.root.as_of + timedelta(days=self.day)
        found = with_threats(agent, replace(self.agent.envelope, subject=subject), policy, day)
        return found.value, {
            d.message.split("`")[1] for d in found.diagnostics if d.code == "PC3101"
        }

    def refused(self, envelope: Envelope, day: str) -> set[str]:
        """The threats for which the webhook refuses the agent's workload."""
        if self.agent.workload is None:
            return self.judged()[1]  # no pod of ours, so nothing to refuse
        request = request_of(self.agent.workload)
        bundle, view = Bundle([Agent(envelope)]), self.agent.root.cluster
        verdict = evaluate(request, bundle, view, SETTINGS, day)
        return {f.message.split("`")[1] for f in verdict.findings if f.reason == "THREAT_OPEN"}

    def states(self) -> Mapping[tuple[str, str], ThreatState]:
        """How each threat stands on each day."""
        envelope, _ = self.judged()
        days = [self.date_of(day) for day in range(DAYS + 2)]
        return {(t.id, day): t.on(day) for t in envelope.threats for day in days}

    def expected(self, threat: str, day: str) -> ThreatState:
        """How a threat stands on one day, by asking each line whether it covers that day."""

        def covers(line: Closure | Acceptance) -> bool:
            return (
                line.threat == threat
                and line.subject in self.mine
                and line.since <= day
                and not any(self.ends(e, line) and e.day <= day for e in self.catalogue.events)
            )

        if any(line.is_shown and covers(line) for line in self.catalogue.closures):
            return ThreatState.CLOSED
        if any(day <= line.until and covers(line) for line in self.catalogue.acceptances):
            return ThreatState.ACCEPTED
        return ThreatState.OPEN

    def ends(self, event: Event, line: Closure | Acceptance) -> bool:
        """Whether an event re-opens what a line covers."""
        is_about = set(EVENTS[event.name]) & set(self.threats[line.threat].components)
        return bool(is_about) and event.subject in self.mine and event.day >= line.since

    def broken(self, threat: str, what: str) -> BrokenLawError:
        """What a broken invariant says: at the threat, with the agent's stage and its workload."""
        stage = Related(self.agent.checked.stage_span or self.agent.checked.span, "its stage")
        spec = self.threats[threat]
        message = f"{self.agent}: threat `{threat}` {what}"
        return BrokenLawError(
            Diagnostic("PC7071", message, spec.span, (stage,)), self.agent.workload
        )

    def _covered(self, data: st.DataObject) -> tuple[ThreatSpec, Subject]:
        threat = data.draw(st.sampled_from(sorted(self.threats)))
        subjects = [s for s in self.subjects if s[0] in ("agent", "class")]
        return self.threats[threat], data.draw(st.sampled_from(subjects))


def _own_subjects(agent: PolicyAgent) -> Iterator[Subject]:
    """Whatever an event may be about so that it touches the agent."""
    yield ("agent", agent.name)
    yield from (("class", name) for name in agent.checked.ancestry)
    for kind, domain, axis in (("server", TOOLS, "server"), ("model", MODELS, "model")):
        region = agent.envelope.domains[domain.name]
        names = {name for box in region.boxes() for name in domain.axis(axis).write(box[axis])} if region else set()  # fmt: skip
        yield from ((kind, name) for name in names if "*" not in name)


def stages_of(agent: PolicyAgent) -> type[StageMachine]:
    """The machine of an agent; ``.TestCase`` of it is what pytest and unittest run."""
    return type(f"StagesOf{agent.name}", (StageMachine,), {"agent": agent})


def stages(agent: PolicyAgent) -> None:
    """No threat but an open one blocks `enforce`, whatever is written and whatever happens."""
    if not applicable(agent.root.policy.catalogue, agent.envelope):
        return
    quiet = settings(
        deadline=None,
        stateful_step_count=20,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(stages_of(agent), settings=quiet)
