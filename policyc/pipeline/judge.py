"""Every claim of a policy root, decided for every agent that it is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.core.errors import PolicycError
from policyc.pipeline.compile import checked, nothing_to_judge
from policyc.pipeline.each import Progress, each, sources
from policyc.pipeline.lowered import Lowered
from policyc.pipeline.revision import at_revision
from policyc.prove.decide import Decided, Reach, decide
from policyc.prove.ruling import Ruling, faults, findings, waived
from policyc.semantics.model import CheckedPolicy, Claim, ExpectRule, NoNewRule


@dataclass(frozen=True, slots=True)
class Judged:
    """All rulings, in the order of the claims and of the names of agents.

    ``faults`` are errors of the input: then there are no rulings, or none that an author
    asked for.  ``findings`` say what fails and what is waived.
    """

    rulings: tuple[Ruling, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


_Place = tuple[int, int]
"""A rule: the number of its claim, and its own in the claim."""


def judge(
    root: Path,
    *,
    as_of: date,
    since: str = "",
    compiled: Mapping[str, bytes] | None = None,
    standard: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Decide the claims of a root for ``as_of`` and every later day, with the ``standard`` ones or without.

    ``since`` stands for every revision that a `no new` rule names.  ``compiled`` are the
    envelopes of a build of this tree, as ``compiled_envelopes`` finds them: an agent of which
    nothing fails is then not lowered again.
    """
    workspace, policy, diagnostics = checked(root, standard=standard)
    if not policy.agents and not has_errors(diagnostics):
        raise nothing_to_judge(root)
    if has_errors(diagnostics):
        return Judged(faults=tuple(diagnostics))
    with ExitStack() as stack:
        before, unread = _revisions(root, policy, as_of, since, stack)
        if unread:
            return Judged(faults=tuple(unread))
        claims = policy.claims.claims
        about = _about(claims)
        now = Lowered(root, policy, as_of)
        read = Lowered(root, policy, as_of, compiled or {})
        names = sorted(about)

        def work(index: int) -> tuple[list[tuple[_Place, Decided]], list[Diagnostic]]:
            agent = names[index]
            found = list(_decide_all(agent, about[agent], claims, read, before, since))
            failing = [place for place, decided in found if decided.failing]
            if failing and compiled:  # what is read has no reasons: those are lowering's
                again = _decide_all(agent, failing, claims, now, before, since)
                found = [*(dict(found) | dict(again)).items()]
            return found, [*now.faults, *read.faults]

        decided: dict[tuple[_Place, str], Decided] = {}
        errors: list[Diagnostic] = []
        all_found = each(work, len(names), sources(root, workspace), jobs, progress)
        for name, (found, said) in zip(names, all_found, strict=True):
            errors += said
            decided |= {(place, name): one for place, one in found}
    if errors:
        return Judged(faults=tuple(errors))
    made = (
        Ruling(claim, rule, agent, decided[(i, j), agent])
        for i, claim in enumerate(claims)
        for j, (rule, agents) in enumerate(claim.rules)
        for agent in agents
    )
    rulings = tuple(waived(made, policy.claims.waivers, str(as_of)))
    return Judged(rulings, tuple(faults(policy)), tuple(findings(rulings, policy, str(as_of))))


def _about(claims: tuple[Claim, ...]) -> dict[str, list[_Place]]:
    """Agent -> the rules about it."""
    about: dict[str, list[_Place]] = defaultdict(list)
    for i, claim in enumerate(claims):
        for j, (_, agents) in enumerate(claim.rules):
            for agent in agents:
                about[agent].append((i, j))
    return dict(about)


def _decide_all(
    agent: str,
    places: list[_Place],
    claims: tuple[Claim, ...],
    now: Lowered,
    before: Mapping[str, Lowered],
    since: str,
) -> Iterator[tuple[_Place, Decided]]:
    envelopes = [now.get(name) for name in now.reach(agent)]
    reach = Reach(tuple(e for e in envelopes if e is not None))
    if len(reach.envelopes) < len(envelopes):
        return
    for place in places:
        rule = claims[place[0]].rules[place[1]][0]
        old = None
        if isinstance(rule, NoNewRule):
            held = before[since or rule.revision]
            old = held.get(agent) if agent in held else None
        if isinstance(rule, ExpectRule) and rule.at and rule.at < str(now.as_of):
            # What has ended since is not in today's envelope: that day's is lowered.
            then = Lowered(now.root, now.policy, date.fromisoformat(rule.at)).get(agent)
            about = reach if then is None else Reach((then,))
        else:
            about = reach
        yield place, decide(rule, about, now.as_of.isoformat(), old)


def _revisions(
    root: Path, policy: CheckedPolicy, as_of: date, since: str, stack: ExitStack
) -> tuple[dict[str, Lowered], list[Diagnostic]]:
    """Each revision that a rule names, checked; what keeps one from it, at its place."""
    found: dict[str, Lowered] = {}
    unread: dict[str, Diagnostic] = {}
    rules = [rule for claim in policy.claims.claims for rule, _ in claim.rules]
    for rule in (rule for rule in rules if isinstance(rule, NoNewRule)):
        revision = since or rule.revision
        if revision not in found.keys() | unread.keys():
            try:
                folder = stack.enter_context(at_revision(root, revision))
                found[revision] = lowered_at(folder, revision, as_of)
            except PolicycError as fault:
                unread[revision] = Diagnostic(
                    fault.code, fault.message, rule.revision_span, help=fault.help
                )
    return found, list(unread.values())


def lowered_at(folder: Path, revision: str, as_of: date) -> Lowered:
    """The policies of a revision; PolicycError PC3182 when they do not compile."""
    _, policy, found = checked(folder)
    if has_errors(found):
        first = next(d for d in found if d.severity == "error")
        raise PolicycError(
            "PC3182",
            f"the policies of `{revision}` do not compile: {first.code}: {first.message}",
            help="name a revision that compiles with this version of policyc",
        )
    return Lowered(folder, policy, as_of)
