"""Two states of a policy root compared: the git revision's and the working tree's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from policyc.core.diagnostics import Diagnostic, Severity, has_errors
from policyc.core.source import Span
from policyc.diff.compare import Change, Relation, compare
from policyc.envelope.domains import FAMILIES
from policyc.pipeline.compile import checked
from policyc.pipeline.each import Progress, each, sources
from policyc.pipeline.judge import lowered_at
from policyc.pipeline.lowered import Lowered
from policyc.pipeline.revision import at_revision
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Widening

_FAMILY = {domain: family for family, domains in FAMILIES.items() for domain in domains}


@dataclass(frozen=True, slots=True)
class Differences:
    """All changes by agent and domain, the equivalent ones among them.

    ``approved`` has, for each that is wider, the line that says yes to it.
    """

    changes: tuple[Change, ...] = ()
    approved: Mapping[tuple[str, str], Widening] | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def differences(
    root: Path,
    revision: str,
    *,
    as_of: date,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Differences:
    """What the working tree changes; PolicycError PC3181 to PC3183 where there is nothing to compare with."""
    workspace, policy, found = checked(root)
    if has_errors(found):
        return Differences(diagnostics=tuple(found))
    with at_revision(root, revision) as folder:
        before = lowered_at(folder, revision, as_of)
        now = Lowered(root, policy, as_of)
        names = sorted({a.name for p in (before.policy, policy) for a in p.agents})

        def work(index: int) -> tuple[list[Change], list[Diagnostic]]:
            name = names[index]
            old = before.get(name) if name in before else None
            new = now.get(name) if name in now else None
            faults = now.faults
            return ([] if faults else list(compare(old, new, str(as_of)))), faults

        changes: list[Change] = []
        errors: list[Diagnostic] = []
        for some, said in each(work, len(names), sources(root, workspace), jobs, progress):
            changes += some
            errors += said
    if errors:
        return Differences(diagnostics=tuple(errors))
    return _judged(changes, before.policy, policy, str(as_of))


def _judged(
    changes: Sequence[Change], before: CheckedPolicy, now: CheckedPolicy, as_of: str
) -> Differences:
    old = {_key(line) for line in before.claims.widenings}
    lines = [line for line in now.claims.widenings if _key(line) not in old]
    wider = [c for c in changes if c.relation in (Relation.WIDER, Relation.INCOMPARABLE)]
    approved: dict[tuple[str, str], Widening] = {}
    for change in wider:
        for line in lines:
            family = _FAMILY.get(change.what, change.what)
            if change.agent in line.agents and family in line.families and line.on <= as_of:
                approved[change.agent, change.what] = line
    agents = {agent.name: agent for agent in now.agents}
    said = [*_unapproved(wider, approved, agents), *_unused(lines, approved)]
    return Differences(tuple(changes), approved, tuple(said))


def _key(line: Widening) -> tuple[object, ...]:
    return (line.families, line.subject, line.by, line.on, line.because)


def _unapproved(
    wider: Sequence[Change],
    approved: Mapping[tuple[str, str], Widening],
    agents: Mapping[str, CheckedAgent],
) -> Iterator[Diagnostic]:
    for change in wider:
        if (change.agent, change.what) in approved:
            continue
        family = _FAMILY.get(change.what, change.what)
        first = change.added[0]
        yield Diagnostic(
            "PC3184",
            f"agent `{change.agent}` gets more in {change.what}: {'; '.join(first.boxes[:3])}",
            _place(change, agents[change.agent]),
            help=f"if it is meant, its owner adds `approve wider {family} on {change.agent} "
            f'by "..." on DATE because "..."`',
        )


def _place(change: Change, agent: CheckedAgent) -> Span:
    """The `allow` line that grants what is new, else the line that names the recordings."""
    point = change.added[0].point
    for clause in agent.allows:
        if point and clause.domain == change.what and point in clause.region:
            return clause.span
    return agent.learning.span if agent.learning is not None else agent.span


def _unused(
    lines: Sequence[Widening], approved: Mapping[tuple[str, str], Widening]
) -> Iterator[Diagnostic]:
    used = {id(line) for line in approved.values()}
    for line in lines:
        if id(line) not in used:
            yield Diagnostic(
                "PC3185",
                "this approval is new, and approves nothing of this change",
                line.span,
                help="name the agent and the domains that get more, and a day that is not to come",
                severity=Severity.WARNING,
            )
