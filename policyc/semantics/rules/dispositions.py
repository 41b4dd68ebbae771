"""Decisions on dormant permissions: a known one, with the day on which it is due and its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from policyc.catalog.vocabulary import DECISIONS
from policyc.core.diagnostics import Diagnostic
from policyc.semantics.model import Clause, Disposition
from policyc.semantics.words import calendar, known, refuse_future
from policyc.syntax import nodes as n


def dispositions(
    members: Iterable[n.Node],
    clauses: Callable[[n.Grant], Iterable[Clause]],
    found: list[Diagnostic],
) -> tuple[Disposition, ...]:
    """The `dormant` lines of an agent; ``clauses`` reads a grant."""
    return tuple(
        Disposition(member.decision.text, _dated(clause, member))
        for member in members
        if isinstance(member, n.Dormant) and _is_complete(member, found)
        for clause in clauses(member.grant)
    )


def _is_complete(member: n.Dormant, found: list[Diagnostic]) -> bool:
    if not known(member.decision, DECISIONS, "decision", found):
        return False
    absent = [
        form
        for form, value in (("until 2026-12-31", member.until), ('because "why"', member.because))
        if value is None
    ]
    if absent:
        found.append(
            Diagnostic(
                "PC3241",
                "a decision on a dormant permission names the day on which it is due, and its reason",
                member.span,
                help=f"add: {' '.join(absent)}",
            )
        )
        return False
    assert member.until is not None
    assert member.because is not None
    refuse_future(member.because, found)
    return calendar(member.until, found)


def _dated(clause: Clause, member: n.Dormant) -> Clause:
    assert member.until is not None
    assert member.because is not None
    return replace(clause, until=member.until.text, because=member.because.value, span=member.span)
