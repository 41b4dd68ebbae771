"""Candidates: what observation and policy would grant, before the cap has its say."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.core.source import Span
from policyc.envelope.provenance import Derivation, Place
from policyc.envelope.region import Region


@dataclass(frozen=True, slots=True)
class Candidate:
    """A region that something speaks for; ``what`` names it in a few words for messages."""

    region: Region
    derivation: Derivation
    what: str
    is_literal: bool = False
    """Written out in an ``allow`` line: such a candidate may hold protected points."""


def place(span: Span) -> Place:
    """A span as plain data."""
    begin = span.begin
    return Place(span.path, begin.line, begin.column)
