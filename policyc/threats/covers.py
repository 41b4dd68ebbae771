"""The days on which a threat is closed or accepted, and the events that cut them short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from types import MappingProxyType

from policyc.catalog.vocabulary import EVENTS
from policyc.envelope.domains import MEMORY, MODELS, TOOLS
from policyc.envelope.model import AgentThreat, Cover, Envelope, ThreatState
from policyc.semantics.catalogue import Acceptance, Catalogue, Closure, Event, Subject, ThreatSpec
from policyc.semantics.model import CheckedAgent

_TOUCHES: Mapping[str, Callable[[Envelope, str], bool]] = MappingProxyType(
    {
        "server": lambda e, name: bool(e.domains["tools"] & TOOLS.single({"server": name})),
        "model": lambda e, name: bool(e.domains["models"] & MODELS.single({"model": name})),
        "store": lambda e, name: bool(e.domains["memory"] & MEMORY.single({"store": name})),
    }
)


def is_about(subject: Subject, agent: CheckedAgent) -> bool:
    """Whether a closure, an acceptance or an event on a class or agent is on this agent."""
    kind, name = subject
    return name == agent.name if kind == "agent" else kind == "class" and name in agent.ancestry


def touches(event: Event, agent: CheckedAgent, envelope: Envelope) -> bool:
    """Whether an event is about the agent, or about something that the agent may use."""
    kind, name = event.subject
    if kind in _TOUCHES:
        return _TOUCHES[kind](envelope, name)
    return is_about(event.subject, agent)


def reopens(event: Event, threat: ThreatSpec, named: tuple[str, ...] | None) -> bool:
    """Whether what covers a threat ends with such an event.

    ``named`` are the events of a `reopen on` line; without one, the standard events re-open
    the threats of the categories that they are about.
    """
    if named is not None:
        return event.name in named
    return bool(set(EVENTS[event.name]) & set(threat.components))


def ends(
    cover: Closure | Acceptance,
    threat: ThreatSpec,
    agent: CheckedAgent,
    envelope: Envelope,
    catalogue: Catalogue,
) -> Event | None:
    """The first event that re-opens what is covered; None when there is none.

    An event of the day on which something was closed re-opens it: which came first on that
    day is not known.
    """
    found = [
        event
        for event in catalogue.events
        if event.day >= cover.since
        and reopens(event, threat, cover.reopens)
        and touches(event, agent, envelope)
    ]
    return min(found, key=lambda event: event.at, default=None)


def covering(
    threat: ThreatSpec, agent: CheckedAgent, catalogue: Catalogue
) -> Iterator[Closure | Acceptance]:
    """What the policy says to close or accept a threat of an agent, shown or not."""
    covers: list[Closure | Acceptance] = [*catalogue.closures, *catalogue.acceptances]
    for cover in covers:
        if cover.threat == threat.id and is_about(cover.subject, agent):
            yield cover


def stand(
    threat: ThreatSpec, agent: CheckedAgent, envelope: Envelope, catalogue: Catalogue
) -> AgentThreat:
    """The threat of an agent with every stretch of days on which it is not open."""
    covers: set[Cover] = set()
    for cover in covering(threat, agent, catalogue):
        match cover:
            case Closure(is_shown=False):
                continue
            case Closure():
                state, until = ThreatState.CLOSED, ""
            case Acceptance():
                state, until = ThreatState.ACCEPTED, cover.until
        event = ends(cover, threat, agent, envelope, catalogue)
        if event is not None:
            last = _day_before(event.day)
            until = min(until, last) if until else last
        if not until or cover.since <= until:
            covers.add(Cover(state, cover.since, until))
    return AgentThreat(threat.id, threat.name, tuple(sorted(covers)))


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
