"""Threats and their dispositions: signals, events, closures and acceptances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policyc.syntax.nodes.leaves import Date, Duration, Name, Node, String, Word


@dataclass(frozen=True, slots=True)
class ThreatOn(Node):
    """``on tools, memory``."""

    components: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Says(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Refs(Node):
    """``refs LLM01:2025, ASI02:2026, AML.T0053``."""

    refs: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Blast(Node):
    """``blast low | medium | high | critical``."""

    level: Word


@dataclass(frozen=True, slots=True)
class Scope(Node):
    """``scope artifact``: the threat is about the model artifact and out of scope."""

    scope: Word


@dataclass(frozen=True, slots=True)
class Applies(Node):
    """``applies when tools, memory.write``: all of them hold of the agent's envelope."""

    facts: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Rights(Node):
    """``rights granted``: the attack uses what the agent may do; ``exceeded``: more than that."""

    state: Word


@dataclass(frozen=True, slots=True)
class Example(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Shown(Node):
    """``shown by mcp.manifest.unchanged, sdk.approval.recorded``: the primary evidence."""

    signals: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Layer(Node):
    """``layer gateway``: where it is detected."""

    name: Word


@dataclass(frozen=True, slots=True)
class Mitigation(Node):
    """``mitigation pinning``: the class of what is done about it."""

    name: Word


ThreatMember: TypeAlias = (
    ThreatOn | Says | Refs | Blast | Scope | Applies | Rights | Example | Shown | Layer | Mitigation
)


@dataclass(frozen=True, slots=True)
class Threat(Node):
    """``threat T07 tool-poisoning coercion { ... }``."""

    id: Name
    name: Name
    kind: Word  # coercion or compromise
    members: tuple[ThreatMember, ...]


@dataclass(frozen=True, slots=True)
class Fires(Node):
    """``fires when objectRef.resource == "secrets", "tokens"``: is, or is not, one of the values."""

    field: Word
    is_equal: bool
    values: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class Signal(Node):
    """``signal vault.read kube-audit { ... }``; the dots of the name are its own."""

    name: Name
    kind: Word
    members: tuple[Says | Fires, ...]


@dataclass(frozen=True, slots=True)
class Events(Node):
    """``events "threats/events.json"``: the log of what re-opens threats."""

    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class By(Node):
    """``by "tool descriptions pinned by digest"``."""

    text: String


@dataclass(frozen=True, slots=True)
class Evidence(Node):
    """``evidence signal mcp.manifest.unchanged holds for 14d``."""

    signal: Word
    holds: Duration


@dataclass(frozen=True, slots=True)
class Reopen(Node):
    """``reopen on mcp.connection.added, tool.surface.changed``."""

    events: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Replay(Node):
    """``replay "replays/t07.json"``: records of the attack, which the evidence must show."""

    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class Close(Node):
    """``close T07 on support-desk [since 2026-08-20] { ... }``."""

    threat: Name
    subject: Name
    members: tuple[By | Evidence | Reopen | Replay, ...]
    since: Date | None = None


@dataclass(frozen=True, slots=True)
class Because(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Approver(Node):
    contact: String


@dataclass(frozen=True, slots=True)
class Accept(Node):
    """``accept T12 on triage-bot [since 2026-08-01] until 2026-12-31 { ... }``."""

    threat: Name
    subject: Name
    until: Date
    members: tuple[Because | Approver | Reopen, ...]
    since: Date | None = None
