"""The judgement of threats: what is closed, accepted or open, and what `enforce` waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from policyc.core.diagnostics import Diagnostic, Outcome, Related, Severity
from policyc.envelope.model import Envelope
from policyc.semantics.catalogue import Acceptance, Catalogue, Closure, ThreatSpec
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.applies import applicable
from policyc.threats.components import gaps
from policyc.threats.covers import covering, ends, is_about, stand
from policyc.threats.events import read_logs
from policyc.threats.hypotheses import Labelled, upheld
from policyc.threats.replay import shown
from policyc.threats.unpinned import unpinned


def judged(root: Path, policy: CheckedPolicy) -> Outcome[CheckedPolicy]:
    """The policy with its event logs read and its closures replayed."""
    found: list[Diagnostic] = []
    events = read_logs(root, policy, found)
    closures = shown(root, policy, found)
    catalogue = replace(policy.catalogue, events=events, closures=closures)
    return Outcome(replace(policy, catalogue=catalogue), found)


def with_threats(
    agent: CheckedAgent,
    envelope: Envelope,
    policy: CheckedPolicy,
    day: date,
    recordings: Labelled = (),
) -> Outcome[Envelope]:
    """The envelope with the threats that apply, and what is wrong with them on a day.

    PC3101 for each that is open where the agent is at `enforce`; PC3105 for each acceptance
    of the agent that has ended; PC3103 for each category of components that is missing;
    PC3123 for each closure that the agent's own ``recordings`` contradict; PC3124 for each
    that rests on pins of servers that have none.
    """
    catalogue, contradicted = upheld(agent, policy.catalogue, recordings)
    if not catalogue.threats:
        unjudged = [_no_catalogue(agent)] if agent.stage == "enforce" else []
        return Outcome(envelope, unjudged)
    specs = applicable(catalogue, envelope)
    threats = tuple(stand(spec, agent, envelope, catalogue) for spec in specs)
    found = [*contradicted, *_ended(agent, catalogue, day), *gaps(agent, envelope, policy)]
    found += unpinned(agent, envelope, policy, specs)
    judged_ = replace(envelope, threats=threats)
    if agent.stage == "enforce":
        open_ = {threat.id for threat in judged_.open_threats(day.isoformat())}
        found += [
            open_threat(spec, agent, envelope, policy, day) for spec in specs if spec.id in open_
        ]
    return Outcome(judged_, found)


def open_threat(
    spec: ThreatSpec,
    agent: CheckedAgent,
    envelope: Envelope,
    policy: CheckedPolicy,
    day: date,
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """PC3101: an open threat of an agent, with all that once covered it."""
    blocks = "so it cannot be at `enforce`" if agent.stage == "enforce" else "and blocks `enforce`"
    return Diagnostic(
        "PC3101",
        f"threat `{spec.id}` ({spec.name}) applies to agent `{agent.name}` and is open, {blocks}",
        agent.span,
        (
            Related(spec.span, "the threat"),
            *_why_open(spec, agent, envelope, policy.catalogue, day.isoformat()),
        ),
        help=_ways_out(spec, agent, policy),
        severity=severity,
    )


def _ways_out(spec: ThreatSpec, agent: CheckedAgent, policy: CheckedPolicy) -> str:
    """What to write, with the threat's name as the agent's file has it."""
    path, home = agent.span.path, spec.span.path
    known = sorted(a for a, target in policy.aliases.get(path, {}).items() if target == home)
    alias, first = (known[0], "") if known else ("x", f'import "{home}" as x, and ')
    name, first = (spec.id, "") if path == home else (f"{alias}.{spec.id}", first)
    return (
        f"{first}close it with evidence (`close {name} on {agent.name}`), accept it until a day "
        f"(`accept {name} on {agent.name} until ...`), or go back to `stage audit`"
    )


def _why_open(
    spec: ThreatSpec, agent: CheckedAgent, envelope: Envelope, catalogue: Catalogue, day: str
) -> Iterator[Related]:
    for cover in covering(spec, agent, catalogue):
        what = "closure" if isinstance(cover, Closure) else "acceptance"
        event = ends(cover, spec, agent, envelope, catalogue)
        if isinstance(cover, Closure) and not cover.is_shown:
            yield Related(cover.span, "no replay shows this closure, or a recording contradicts it")
        elif cover.since > day:
            yield Related(cover.span, f"this {what} begins on {cover.since}")
        elif isinstance(cover, Acceptance) and cover.until < day:
            yield Related(cover.span, f"this acceptance ended with {cover.until}")
        elif event is not None:
            yield Related(cover.span, f"re-opened by `{event.name}` at {event.at} ({event.place})")


def _ended(agent: CheckedAgent, catalogue: Catalogue, day: date) -> Iterator[Diagnostic]:
    for acceptance in catalogue.acceptances:
        if acceptance.until < day.isoformat() and is_about(acceptance.subject, agent):
            yield Diagnostic(
                "PC3105",
                f"the acceptance of `{acceptance.threat}` ended with {acceptance.until}: "
                "the threat is open again",
                acceptance.span,
                help="remove it, close the threat, or have its approver accept it until a later day",
            )


def _no_catalogue(agent: CheckedAgent) -> Diagnostic:
    return Diagnostic(
        "PC3121",
        f"agent `{agent.name}` is at `enforce`, and the policy root names no threat",
        agent.span,
        help='import the standard library: import "policyc:threats" as std',
        severity=Severity.WARNING,
    )


def history(
    agent: CheckedAgent, envelope: Envelope, catalogue: Catalogue
) -> list[tuple[str, str, str]]:
    """When (empty: from the beginning) which threat of an agent was closed, accepted or re-opened.

    A re-opening names who signed it for security and for the platform.
    """
    rows: list[tuple[str, str, str]] = []
    standing = {t.id: {c.since for c in t.covers} for t in envelope.threats}
    for spec in applicable(catalogue, envelope):
        for cover in covering(spec, agent, catalogue):
            event = ends(cover, spec, agent, envelope, catalogue)
            if isinstance(cover, Closure) and (
                not cover.is_shown or (event is None and cover.since not in standing[spec.id])
            ):
                continue  # nothing shows it, or a recording of the agent contradicts it
            is_closure = isinstance(cover, Closure)
            by = cover.by if isinstance(cover, Closure) else f"approved by {cover.approver}"
            word = "closed" if is_closure else "accepted"
            rows.append((cover.since, spec.id, f"{word}: {by}"))
            until = cover.until if isinstance(cover, Acceptance) else ""
            if event is not None and (not until or event.day <= until):
                signed = f"signed by {event.security} and {event.platform}"
                rows.append((event.at, spec.id, f"re-opened by {event.name}, {signed}"))
            elif until:
                rows.append((until + "T23:59:59Z", spec.id, "its acceptance ends"))
    return sorted(rows)
