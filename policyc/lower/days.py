"""What the last day of an ``allow`` line ends, and what goes on all the same.

Each reason of a grant is enough alone, so a right that was used while it was recorded does not
end with the line that first gave it.  Its author must hear of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.envelope.domains import DOMAINS
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Region
from policyc.semantics.model import CheckedAgent, Clause, Declared

_SHOWN = 3
_EASTERN = timedelta(days=1)
"""Days are counted in UTC, and who reviews in UTC+14 is a day ahead."""

Grants = Mapping[str, Mapping[Region, list[Derivation]]]
"""Domain -> region -> reasons."""


def has_ended(clause: Clause, as_of: date) -> bool:
    """Whether an ``allow`` line's last day lies before the day."""
    return bool(clause.until) and date.fromisoformat(clause.until) < as_of


def dated(clauses: Iterable[Clause], grants: Grants, as_of: date) -> Iterator[Diagnostic]:
    """PC4006 for each line that has ended, PC4016 for each whose end will not end what it names."""
    lines: dict[tuple[str, int, str], list[Clause]] = {}
    for clause in clauses:
        if clause.until:
            key = (clause.span.path, clause.span.start, clause.text)
            lines.setdefault(key, []).append(clause)
    for parts in lines.values():
        line, until = parts[0].text, parts[0].until
        if has_ended(parts[0], as_of):
            yield _ended(parts, _goes_on(parts, grants, is_observed=False))
        elif by := _goes_on(parts, grants, is_observed=True):
            yield _warning(
                "PC4016",
                parts,
                f"`{line}` ends on {until}, and {by} goes on granting it",
                "what is observed is granted without an end: from that day on write "
                f"`deny {line}` in its place, or learn only from recordings without it",
            )


def unreviewed(agent: CheckedAgent, used: Iterable[Declared], as_of: date) -> Iterator[Diagnostic]:
    """PC3011 for each thing that the agent may use and whose review has a day that has not come."""
    latest = (as_of + _EASTERN).isoformat()
    for thing in used:
        if thing.reviewed_on > latest:
            yield Diagnostic(
                "PC3011",
                f"agent `{agent.name}` may use `{thing.name}`, and the day of its review, "
                f"{thing.reviewed_on}, has not come",
                thing.review_span or thing.span,
                (Related(agent.span, "the agent"),),
                help="write the day on which it was reviewed",
            )


def _ended(parts: list[Clause], by: str) -> Diagnostic:
    line, until = parts[0].text, parts[0].until
    if not by:
        return _warning(
            "PC4006",
            parts,
            f"`{line}` ended on {until} and grants nothing any more",
            "remove the line, or have it extended by its approver",
        )
    return _warning(
        "PC4006",
        parts,
        f"`{line}` ended on {until} and is still granted, by {by}",
        f"to end it, write `deny {line}` in its place; to keep it, remove the line, "
        "or have it extended by its approver",
    )


def _warning(code: str, parts: list[Clause], message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, parts[0].span, help=hint, severity=Severity.WARNING)


def _goes_on(parts: list[Clause], grants: Grants, *, is_observed: bool) -> str:
    """What grants a part of what a line names after its last day, or all of it; empty where nothing does.

    ``parts`` are the line's clauses, one for each domain.
    """
    sources: set[str] = set()
    is_whole = True
    for clause in parts:
        lasting: list[Region] = []
        for region, reasons in grants.get(clause.domain, {}).items():
            kept = [
                why
                for why in reasons
                if (not why.until or why.until > clause.until) and (why.evidence or not is_observed)
            ]
            if kept and region & clause.region:
                lasting.append(region)
                sources |= {_source(why) for why in kept}
        is_whole = is_whole and clause.region <= DOMAINS[clause.domain].union(lasting)
    if not sources:
        return ""
    named = sorted(sources)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"{', '.join(named[:_SHOWN])}{more}{'' if is_whole else ', in part'}"


def _source(why: Derivation) -> str:
    if why.evidence:
        return f"the observation `{why.evidence[0]}`"
    return f"`{why.places[0]}`" if why.places else f"`{why.note}`"
