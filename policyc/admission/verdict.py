"""What is found in a request, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policyc.admission.remedies import REMEDIES
from policyc.core.canonical import Json


class Level(StrEnum):
    """What a finding does to a request."""

    DENY = "deny"
    WARN = "warn"  # admitted, and said to whoever asked
    NOTE = "note"  # admitted, and recorded


@dataclass(frozen=True, slots=True)
class Finding:
    """One excess or fault.

    ``reason`` is a word of ``reasons.REASONS``; ``path`` a JSON path into the object
    (``spec.containers[0].env[2].value``); ``change`` says what to change:
    what ``REMEDIES`` has for the reason where the finding does not know better.
    ``is_ratcheted``: an UPDATE that leaves the fault as it was is admitted with a warning, or
    nobody could repair or remove what is there.
    """

    reason: str
    message: str
    path: str = ""
    agent: str = ""
    change: str = ""
    level: Level = Level.DENY
    is_ratcheted: bool = True

    def __post_init__(self) -> None:
        if not self.change:
            object.__setattr__(self, "change", REMEDIES.get(self.reason, ""))

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        change = f" ({self.change})" if self.change else ""
        return f"{self.reason}: {self.message}{where}{change}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: ``findings`` hold their final levels, after stages and ratchet."""

    uid: str
    findings: tuple[Finding, ...] = ()
    agent: str = ""
    stage: str = ""
    bundle: str = ""
    patch: tuple[Mapping[str, Json], ...] = field(default=())

    @property
    def allowed(self) -> bool:
        if not self.findings:  # as of most
            return True
        return all(finding.level is not Level.DENY for finding in self.findings)

    @property
    def denials(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.level is Level.DENY)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.level is Level.WARN)
