"""Why an agent may not do something: the line that stands in the way, and the line it stands against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from policyc.core.source import Span
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.permitted import permitted
from policyc.envelope.region import Region
from policyc.semantics.model import CapLevel, CheckedAgent, Clause
from policyc.semantics.protected import protected

_FEW = 3
"""So many lines of a cap say what it is about."""


class Cause(StrEnum):
    """In the order in which they are asked: the first that covers a part explains it."""

    NEVER = "never"
    DENIED = "denied"
    EXPIRED = "expired"
    PROTECTED = "protected"
    OUTSIDE_CAP = "outside the cap"
    NOT_OBSERVED = "not observed"
    NOT_GRANTED = "not granted"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of what was asked, and why it is not granted.

    ``line`` is what stands in the way or is missing something; ``against`` the other place:
    the line that would grant it otherwise, or the cap that has room for it.  ``help`` is what
    could be asked instead, or empty.
    """

    cause: Cause
    region: Region
    message: str
    line: Span
    against: Span | None = None
    help: str = ""


def why_not(
    agent: CheckedAgent, envelope: Envelope, asked: Iterable[Clause], as_of: str
) -> list[Refusal]:
    """Every part of ``asked`` that the agent lacks, each once; none when it has all of it."""
    found: list[Refusal] = []
    for clause in asked:
        left = clause.region - permitted(envelope, clause.domain)
        for refusal in _causes(agent, clause.domain, left, as_of):
            part = refusal.region & left
            if part:
                found.append(replace(refusal, region=part))
                left -= part
    return found


def _causes(agent: CheckedAgent, domain: str, left: Region, as_of: str) -> Iterator[Refusal]:
    """All causes with what each covers; they overlap, and the earlier one is said."""
    whole = DOMAINS[domain].full
    for word, cause, lines in (
        ("never", Cause.NEVER, agent.nevers),
        ("deny", Cause.DENIED, agent.denies),
    ):
        for line in (c for c in lines if c.domain == domain):
            message = f"`{word} {line.text}` takes it away"
            against = _granting(agent, domain, left & line.region)
            yield Refusal(cause, line.region, message, line.span, against)
    for line in agent.allows:
        if line.domain == domain and line.until and line.until < as_of:
            message = f"`allow {line.text}` ended on {line.until}"
            yield Refusal(Cause.EXPIRED, line.region, message, line.span)
    guarded = protected().get(domain)
    if guarded is not None:
        message = "no pattern and no observation grants it: an `allow` line must name it, in a cap that does"
        yield Refusal(Cause.PROTECTED, guarded, message, agent.span, _cap_with(agent, domain, left))
    yield from _beyond_caps(agent, domain, left)
    room = _room(agent, domain)
    if agent.learning is not None:
        message = "no recording shows it, and no `allow` line grants it"
        yield Refusal(Cause.NOT_OBSERVED, whole, message, agent.learning.span, room)
    message = "no `allow` line grants it, and the agent has no recordings"
    yield Refusal(Cause.NOT_GRANTED, whole, message, agent.span, room)


def _beyond_caps(agent: CheckedAgent, domain: str, left: Region) -> Iterator[Refusal]:
    """The level, from the root down, whose cap has no room for it."""
    whole = DOMAINS[domain].full
    root = agent.caps[0] if agent.caps else None
    if root is None or domain not in root.regions:
        line = root.span if root is not None else agent.span
        message = "the root class does not mention the domain, so it is empty"
        yield Refusal(Cause.OUTSIDE_CAP, whole, message, line, agent.span)
        return
    for level in agent.caps:
        if domain in level.regions:
            beyond = whole - level.regions[domain]
            message = f"the cap of `{level.class_name}` has no room for it"
            against = _granting(agent, domain, left & beyond)
            yield Refusal(
                Cause.OUTSIDE_CAP,
                beyond,
                message,
                level.span,
                against or agent.span,
                _offered(level, domain),
            )


def _offered(level: CapLevel, domain: str) -> str:
    lines = [f"`{clause.text}`" for clause in level.clauses if clause.domain == domain]
    more = f" and {len(lines) - _FEW} more lines" if len(lines) > _FEW else ""
    return f"it has room for {', '.join(lines[:_FEW])}{more}" if lines else ""


def _granting(agent: CheckedAgent, domain: str, part: Region) -> Span | None:
    """The `allow` line of the agent, else the cap nearest to it, that speaks for a part."""
    for line in agent.allows:
        if line.domain == domain and line.region & part:
            return line.span
    return _cap_with(agent, domain, part)


def _room(agent: CheckedAgent, domain: str) -> Span | None:
    return _cap_with(agent, domain, DOMAINS[domain].full)


def _cap_with(agent: CheckedAgent, domain: str, part: Region) -> Span | None:
    for level in reversed(agent.caps):
        for clause in level.clauses:
            if clause.domain == domain and clause.region & part:
                return clause.span
    return None
