"""Leaves: names, words, literals, labels and ports."""

from __future__ import annotations

from dataclasses import dataclass, field

from policyc.core.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(Node):
    """An identifier, maybe qualified by an import's alias: ``corp.web-client``."""

    text: str
    qualifier: str | None = None

    def __str__(self) -> str:
        return f"{self.qualifier}.{self.text}" if self.qualifier else self.text


@dataclass(frozen=True, slots=True)
class Word(Node):
    """A bare word of a closed vocabulary or an open one: a verb, a syscall, a tool pattern."""

    text: str


@dataclass(frozen=True, slots=True)
class String(Node):
    """A double-quoted string, its escapes undone."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A non-negative decimal number; ``text`` keeps what was written (``0.5``)."""

    text: str


@dataclass(frozen=True, slots=True)
class Date(Node):
    """``YYYY-MM-DD``; an end date means the end of that day, UTC."""

    text: str


@dataclass(frozen=True, slots=True)
class Duration(Node):
    """A whole number of ``s``, ``m``, ``h`` or ``d``."""

    text: str

    @property
    def seconds(self) -> int:
        return int(self.text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[self.text[-1]]


@dataclass(frozen=True, slots=True)
class ObjectRef(Node):
    """A namespaced Kubernetes object: ``support/triage-bot``."""

    namespace: Word
    name: Word


@dataclass(frozen=True, slots=True)
class Label(Node):
    """``key=value`` of a label selector."""

    key: Word
    value: Word


@dataclass(frozen=True, slots=True)
class PortRange(Node):
    """Ports ``first`` to ``last`` inclusive; ``*`` is 0 to 65535."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """A name or a name pattern: ``ticket.read``, ``"faq-*"``, ``*``.

    Only a trailing ``*`` stands for more than itself.
    """

    text: str
