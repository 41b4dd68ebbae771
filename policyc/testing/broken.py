"""What a broken law says: the lines of the policy, and the object."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.request import Object
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.render import render_text
from policyc.core.source import Span
from policyc.diff.why_not import why_not
from policyc.envelope.domains import DOMAINS
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Point
from policyc.kube.yaml import dump
from policyc.semantics.model import Clause
from policyc.testing.root import PolicyAgent


class BrokenLawError(AssertionError):
    """A law that does not hold: a diagnostic at its line of the policy, and the object as YAML."""

    def __init__(self, diagnostic: Diagnostic, body: Json = None) -> None:
        text = "\n" + render_text([diagnostic], color=False)
        if body is not None:
            lines = dump(body).decode().splitlines()
            text += "the object:\n" + "".join(f"  {line}\n" for line in lines)
        super().__init__(text)
        self.diagnostic = diagnostic
        self.body = body


def broken(
    agent: PolicyAgent, domain: str, point: Point, what: str, body: Object | None = None
) -> BrokenLawError:
    """What breaks a law at one point of a domain; its lines are those that grant it, or do not."""
    said = ", ".join(DOMAINS[domain].single(point).describe())
    notes = [*granting(agent, domain, point), *refusing(agent, domain, point)]
    span = notes[0].span if notes else agent.checked.span
    message = f"{agent}: `{domain}`: `{said}` {what}"
    return BrokenLawError(Diagnostic("PC7071", message, span, tuple(notes)), body)


def granting(agent: PolicyAgent, domain: str, point: Point) -> Iterator[Related]:
    """The lines that grant a point, or let an observation of it count."""
    reasons = [
        why
        for grant in agent.envelope.grants.get(domain, ())
        if point in grant.region
        for why in grant.derivations
    ]
    for why in reasons[:3]:
        yield Related(_line(agent, why), f"it is granted: {_because(why)}")


def refusing(agent: PolicyAgent, domain: str, point: Point) -> Iterator[Related]:
    """The lines because of which a point is not granted, and those they stand against."""
    region = DOMAINS[domain].single(point)
    asked = Clause(domain, region, agent.checked.span, "")
    for refusal in why_not(agent.checked, agent.envelope, [asked], agent.root.today):
        yield Related(refusal.line, f"it is not granted: {refusal.cause}: {refusal.message}")
        if refusal.against is not None:
            yield Related(refusal.against, "what that stands against")


def _because(why: Derivation) -> str:
    seen = ", ".join(str(e) for e in why.evidence[:2])
    return ", ".join(part for part in (why.step.value, why.note, seen) if part)


def _line(agent: PolicyAgent, why: Derivation) -> Span:
    for place in why.places:
        for source in agent.root.workspace.sources:
            if source.path == place.path:
                before = source.text.split("\n")[: place.line - 1]
                start = sum(len(line) + 1 for line in before) + place.column - 1
                return source.span(start, start + len(source.line(place.line)) - place.column + 1)
    learning = agent.checked.learning
    return learning.span if why.evidence and learning is not None else agent.checked.span
