"""What operators decide about admission; everything else follows from the policy."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.admission.verdict import Level


@dataclass(frozen=True, slots=True)
class Settings:
    """``home`` is our own namespace; ``operators`` are users who may change our objects."""

    home: str = "policyc-system"
    operators: frozenset[str] = frozenset()
    shadow: Level = Level.WARN
