"""What is demanded of agents: assertions and their waivers, tests, and approvals of what grows wider."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policyc.syntax.nodes.grants import Grant, Never
from policyc.syntax.nodes.leaves import Date, Name, Node, String, Word


class Comparison(StrEnum):
    LESS = "<"
    LESS_EQUAL = "<="
    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER_EQUAL = ">="
    GREATER = ">"


@dataclass(frozen=True, slots=True)
class Condition(Node):
    """``tier >= act``, ``class == support-desk`` or ``stage == enforce``."""

    subject: Word
    comparison: Comparison
    value: Name


@dataclass(frozen=True, slots=True)
class NoNew(Node):
    """``no new egress since "origin/main"``."""

    domain: Word
    since: String


@dataclass(frozen=True, slots=True)
class Reach(Node):
    """``never reach GRANT``: also through the agents that it delegates to."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Assertion(Node):
    """``assert NAME for every agent where COND and COND { ... }``."""

    name: Name
    conditions: tuple[Condition, ...]
    items: tuple[Never | Reach | NoNew, ...]


@dataclass(frozen=True, slots=True)
class Expectation(Node):
    """``expect deny triage-bot kube get on secrets [at 2026-12-31]``."""

    verdict: Word  # allow or deny
    agent: Name
    grant: Grant
    at: Date | None = None


@dataclass(frozen=True, slots=True)
class Test(Node):
    """``test "triage-bot cannot read secrets" { ... }``."""

    title: String
    expectations: tuple[Expectation, ...]

    __test__ = False  # pytest must not collect it


@dataclass(frozen=True, slots=True)
class Waive(Node):
    """``waive standard.secrets on triage-bot until 2026-12-31 because "SEC-1"``."""

    assertion: Name
    subject: Name
    until: Date
    because: String


@dataclass(frozen=True, slots=True)
class Widening(Node):
    """``approve wider egress, tools on bot by "lead@corp.example" on 2026-11-02 because "SEC-1"``."""

    domains: tuple[Word, ...]
    subject: Name
    by: String
    on: Date
    because: String
