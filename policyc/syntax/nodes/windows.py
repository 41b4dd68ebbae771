"""Windows: how much is to be seen before an agent is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policyc.syntax.nodes.leaves import Duration, Name, Node, Number, Word


@dataclass(frozen=True, slots=True)
class AtLeast(Node):
    """``at least 14d and 500 sessions``; either part may be absent."""

    duration: Duration | None
    sessions: Number | None


@dataclass(frozen=True, slots=True)
class ExpectRate(Node):
    """One term of ``expect fewer than 0.5 new syscalls, 0.1 new egress per run``."""

    rate: Number
    domain: Word


@dataclass(frozen=True, slots=True)
class ExpectFewer(Node):
    terms: tuple[ExpectRate, ...]


@dataclass(frozen=True, slots=True)
class Behaviour(Node):
    """``one llm call``: a behaviour that must have been seen ``count`` times."""

    count: Number
    what: Word  # the words joined by single spaces: "llm call", "tool error"


@dataclass(frozen=True, slots=True)
class MustSee(Node):
    behaviours: tuple[Behaviour, ...]


@dataclass(frozen=True, slots=True)
class Quiet(Node):
    """``quiet for 72h``."""

    duration: Duration


WindowMember: TypeAlias = AtLeast | ExpectFewer | MustSee | Quiet


@dataclass(frozen=True, slots=True)
class Window(Node):
    name: Name
    members: tuple[WindowMember, ...]
