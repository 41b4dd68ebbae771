"""The checked threat catalogue: threats, what closes them, and what re-opens them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policyc.catalog.signals import Signal
from policyc.core.source import Span

Subject = tuple[str, str]
"""``("class", name)`` or ``("agent", name)``."""


@dataclass(frozen=True, slots=True)
class ThreatSpec:
    """One entry of the catalogue.

    ``facts`` say what must hold of an envelope for the threat to apply; without any, an
    agent with a component of one of its categories is enough.  ``is_artifact``: it is about
    the model itself and applies to no agent.
    """

    id: str
    name: str
    kind: str  # coercion or compromise
    span: Span = field(compare=False)
    components: tuple[str, ...] = ()
    says: str = ""
    refs: tuple[str, ...] = ()
    blast: str = ""
    is_artifact: bool = False
    facts: tuple[str, ...] = ()
    rights: str = ""
    example: str = ""
    shown: tuple[str, ...] = ()
    layer: str = ""
    mitigation: str = ""


@dataclass(frozen=True, slots=True)
class Needed:
    """A signal of a closure's evidence, and for how long it has held."""

    signal: str
    holds_seconds: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Closure:
    """``close THREAT on SUBJECT``; ``reopens`` is None where the closure does not say.

    ``is_shown``: every signal fires on its replay, so that the closure counts.
    """

    threat: str
    subject: Subject
    span: Span = field(compare=False)
    since: str = ""
    by: str = ""
    evidence: tuple[Needed, ...] = ()
    replays: tuple[str, ...] = ()
    reopens: tuple[str, ...] | None = None
    is_shown: bool = False
    replay_spans: tuple[Span, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """``accept THREAT on SUBJECT until DAY``: to the end of that day, UTC."""

    threat: str
    subject: Subject
    until: str
    span: Span = field(compare=False)
    since: str = ""
    because: str = ""
    approver: str = ""
    reopens: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a second (RFC 3339, UTC) to one subject, with both signatures.

    ``subject`` is ``agent``, ``class``, ``server``, ``model`` or ``store`` with a name.
    """

    at: str
    name: str
    subject: Subject
    security: str
    platform: str
    because: str = ""
    place: str = ""  # file and pointer

    @property
    def day(self) -> str:
        return self.at[:10]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of a policy root; ``withouts`` give a subject's reasons by missing category."""

    threats: Mapping[str, ThreatSpec] = field(default_factory=dict)
    closures: tuple[Closure, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    signals: Mapping[str, Signal] = field(default_factory=dict)
    logs: tuple[tuple[str, Span], ...] = ()
    withouts: Mapping[Subject, Mapping[str, str]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
