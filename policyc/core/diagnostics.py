"""What is wrong with an author's input, where, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from policyc.core.codes import CODES
from policyc.core.source import Span

T = TypeVar("T")


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that has part in a diagnostic, and what it has to do with it."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about the author's input.

    ``message`` is one sentence in lower case without a final period, with user
    text in backticks.  ``help`` says what to do.  ``span`` is absent only when
    the input has no text to point into (a missing file, a binary one); then
    ``path`` names it.
    """

    code: str
    message: str
    span: Span | None = None
    related: tuple[Related, ...] = ()
    help: str | None = None
    path: str | None = None
    severity: Severity = field(default=Severity.ERROR)

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise AssertionError(f"unregistered diagnostic code {self.code}")

    @property
    def file(self) -> str:
        """The path the diagnostic is about, or the empty string."""
        return self.span.path if self.span is not None else (self.path or "")

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        start, end = (self.span.start, self.span.end) if self.span else (-1, -1)
        return (self.file, start, end, self.code, self.message)


@dataclass(slots=True)
class Outcome(Generic[T]):
    """A stage's result together with everything it had to say.

    ``value`` is always usable as far as it goes: stages go on after errors so
    that one run reports them all; ``ok`` says whether it may be trusted.
    """

    value: T
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not has_errors(self.diagnostics)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(d.severity is Severity.ERROR for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, each finding once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda d: d.sort_key)
