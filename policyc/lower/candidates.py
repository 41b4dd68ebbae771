"""Candidates: what observation and policy would grant, before the cap has its say."""

from __future__ import annotations

from typing import NamedTuple

from policyc.core.source import Span
from policyc.envelope.observation import Sighting
from policyc.envelope.provenance import Derivation, Place, Step
from policyc.envelope.region import Region


class Candidate(NamedTuple):
    """A region that an observation speaks for.

    ``line`` is the grant as a policy would write it.  ``is_fleeting``: it rests on an
    address that will be another pod's tomorrow, so it is never granted.
    """

    region: Region
    derivation: Derivation
    line: str
    is_fleeting: bool = False

    @property
    def domain(self) -> str:
        return self.region.domain.name

    @property
    def is_inferred(self) -> bool:
        """Not itself observed: its absence from the envelope is no loss to report."""
        return self.derivation.step in (Step.SYSCALL_CLASS, Step.CIDR_LADDER)

    @property
    def sort_key(self) -> tuple[str, Step, tuple[object, ...], str]:
        why = self.derivation
        return (self.line, why.step, why.evidence, why.note)


def seen(step: Step, sighting: Sighting, note: str = "") -> Derivation:
    """A derivation for which any one of the places that show the item is enough."""
    return Derivation(step, (), sighting.evidence, 1, note)


def place(span: Span) -> Place:
    """A span as plain data."""
    begin = span.begin
    return Place(span.path, begin.line, begin.column)
