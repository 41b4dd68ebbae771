"""Threats against recordings: what was assumed on the first day, and what the recordings made of it.

On the first day a threat is a hypothesis of who wrote the policy.  Recordings validate it
(an alarm fires on them), or stay silent where they could have told, or say nothing about it;
and what was observed may make threats apply that nobody had thought of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.envelope.model import Envelope
from policyc.profiles.base import AgentProfile
from policyc.semantics.catalogue import Catalogue, Closure, Needed, ThreatSpec
from policyc.semantics.model import CheckedAgent
from policyc.threats.applies import applicable
from policyc.threats.covers import covering, is_about
from policyc.threats.records import Record, records_of

Labelled = Sequence[tuple[str, AgentProfile]]
"""The recordings of one agent: file and profile."""


class Standing(StrEnum):
    VALIDATED = "validated"  # an alarm fired on the recordings
    SILENT = "not fired"  # they could have set one off, and did not
    UNHEARD = "not heard"  # they hold nothing that an alarm of it could hear


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One threat of an agent: what the recordings say of it, by which signal, and where.

    ``is_new``: it applies because of what was observed, and not by the policy's lines alone.
    """

    threat: str
    name: str
    outcome: Standing
    is_new: bool
    signal: str = ""
    place: str = ""


def hypotheses(
    agent: CheckedAgent,
    first: Envelope,
    now: Envelope,
    catalogue: Catalogue,
    recordings: Labelled,
) -> tuple[Hypothesis, ...]:
    """The threats of an agent, by id; ``first`` is its envelope without any observation."""
    known = {spec.id for spec in applicable(catalogue, first)}
    records = [r for label, profile in recordings for r in records_of(label, profile, agent.name)]
    return tuple(
        _judged(spec, agent, catalogue, records, spec.id not in known)
        for spec in applicable(catalogue, now)
    )


def _judged(
    spec: ThreatSpec,
    agent: CheckedAgent,
    catalogue: Catalogue,
    records: Sequence[Record],
    is_new: bool,
) -> Hypothesis:
    names = dict.fromkeys([*spec.shown, *_evidence(spec, agent, catalogue)])
    alarms = [catalogue.signals[n] for n in names if catalogue.signals[n].is_alarm]
    for alarm in alarms:
        fired = next((r for r in records if alarm.fires(r.kind, r.fields)), None)
        if fired is not None:
            return Hypothesis(
                spec.id, spec.name, Standing.VALIDATED, is_new, alarm.name, fired.place
            )
    heard = next((a for a in alarms if any(a.hears(r.kind, r.fields) for r in records)), None)
    outcome = Standing.UNHEARD if heard is None else Standing.SILENT
    return Hypothesis(spec.id, spec.name, outcome, is_new, heard.name if heard else "")


def _evidence(spec: ThreatSpec, agent: CheckedAgent, catalogue: Catalogue) -> Iterator[str]:
    for cover in covering(spec, agent, catalogue):
        if isinstance(cover, Closure):
            yield from (needed.signal for needed in cover.evidence)


# -- what a closure says of itself, against what was recorded ------------------------------


def upheld(
    agent: CheckedAgent, catalogue: Catalogue, recordings: Labelled
) -> tuple[Catalogue, list[Diagnostic]]:
    """The catalogue as it holds for one agent: without closures that its recordings contradict.

    A closure says that its alarms have been silent for a time (`holds for`).  Where the agent's
    own recordings set one of them off in that time or since, it closes nothing for the agent:
    PC3123, a warning.
    """
    mine = [c for c in catalogue.closures if c.is_shown and is_about(c.subject, agent)]
    if not mine or not recordings:
        return catalogue, []
    records = [r for label, profile in recordings for r in records_of(label, profile, agent.name)]
    found = [(c, *fault) for c in mine if (fault := _contradiction(c, catalogue, records))]
    wrong = [closure for closure, _, _ in found]
    closures = tuple(replace(c, is_shown=False) if c in wrong else c for c in catalogue.closures)
    said = [_contradicted(agent, *one) for one in found]
    return replace(catalogue, closures=closures), said


def _contradiction(
    closure: Closure, catalogue: Catalogue, records: Iterable[Record]
) -> tuple[Needed, Record] | None:
    for needed in closure.evidence:
        signal = catalogue.signals[needed.signal]
        begin = _begin(closure, needed)
        for record in records if signal.is_alarm else ():
            is_late = not record.at or record.at[:10] >= begin
            if is_late and signal.fires(record.kind, record.fields):
                return needed, record
    return None


def _begin(closure: Closure, needed: Needed) -> str:
    """The first day on which the alarm is said to have been silent; empty: always."""
    if not closure.since:
        return ""
    silent = timedelta(seconds=needed.holds_seconds)
    return (date.fromisoformat(closure.since) - silent).isoformat()


def _contradicted(
    agent: CheckedAgent, closure: Closure, needed: Needed, record: Record
) -> Diagnostic:
    when = f" at {record.at}" if record.at else ""
    return Diagnostic(
        "PC3123",
        f"a recording of agent `{agent.name}` sets off `{needed.signal}`{when} ({record.place}), which the "
        f"closure of `{closure.threat}` says has been silent: it closes nothing for the agent",
        needed.span,
        (Related(closure.span, "the closure"),),
        help="find out what it was; close the threat anew with a later `since`, or accept it until a day",
        severity=Severity.WARNING,
    )
