"""What a decided rule says to its author: findings at the line that has to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.core.source import Span
from policyc.envelope.timeline import day_before
from policyc.lower.candidates import place
from policyc.prove.decide import Counterexample, Decided, Level
from policyc.semantics.model import (
    CheckedAgent,
    CheckedPolicy,
    Claim,
    Clause,
    ExpectRule,
    NeverRule,
    NoNewRule,
    Rule,
    Waiver,
)

_MOST = 3
"""Boxes of a residual that a message shows; the JSON form has them all."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule of one claim about one agent, decided.

    ``waiver`` silences it on the day of the judgement.
    """

    claim: Claim
    rule: Rule
    agent: str
    decided: Decided
    waiver: Waiver | None = None

    @property
    def fails(self) -> bool:
        return bool(self.decided.failing) and self.waiver is None


def waived(rulings: Iterable[Ruling], waivers: Sequence[Waiver], as_of: str) -> Iterator[Ruling]:
    """The same rulings, each that fails with the waiver that silences it on ``as_of``."""
    standing = {(w.assertion, agent): w for w in waivers if w.until >= as_of for agent in w.agents}
    for ruling in rulings:
        waiver = standing.get((ruling.claim.name, ruling.agent))
        yield replace(ruling, waiver=waiver) if ruling.decided.failing else ruling


def faults(policy: CheckedPolicy) -> Iterator[Diagnostic]:
    """Claims that would pass for ever: none at all (PC3141), or about no agent (PC3142)."""
    own = [claim for claim in policy.claims.claims if not claim.is_standard]
    if not own:
        yield Diagnostic(
            "PC3141",
            "the policy root has no `assert` and no `test` of its own",
            help="say what must never happen: `assert NAME for every agent { never kube get on secrets }`",
        )  # fmt: skip
    for claim in own:
        if claim.rules and not any(agents for _, agents in claim.rules):
            yield Diagnostic(
                "PC3142",
                f"assertion `{claim.name}` is about no agent, so it proves nothing",
                claim.span,
                help="widen its conditions, or remove it",
            )


def findings(rulings: Sequence[Ruling], policy: CheckedPolicy, as_of: str) -> Iterator[Diagnostic]:
    """What fails, what is waived, and what is wrong with the waivers."""
    agents = {agent.name: agent for agent in policy.agents}
    ended = {(w.assertion, a): w for w in policy.claims.waivers if w.until < as_of for a in w.agents}  # fmt: skip
    for ruling in rulings:
        if ruling.fails:
            yield _failed(ruling, agents, as_of, ended.get((ruling.claim.name, ruling.agent)))
    yield from _of_waivers(rulings, policy.claims.waivers, as_of)


def _failed(
    ruling: Ruling, agents: Mapping[str, CheckedAgent], as_of: str, ended: Waiver | None
) -> Diagnostic:
    shown = ruling.decided.counterexample
    assert shown is not None
    line = _line(shown, ruling, agents)
    related = []
    if not ruling.claim.is_standard and line != ruling.rule.span:
        related.append(Related(ruling.rule.span, f"`{ruling.claim.name}` says"))
    if ended is not None:
        related.append(Related(ended.span, f"this waiver ended on {ended.until}"))
    return Diagnostic(
        "PC3144" if isinstance(ruling.rule, ExpectRule) else "PC3143",
        f"{_tuple(shown)} {'is not' if shown.is_missing else 'is'} granted to "
        f"`{ruling.agent}`{_via(shown, ruling.agent)}: `{ruling.claim.name}` "
        f"{_when(ruling, agents, as_of)}; `{ruling.rule.text}`; "
        f"in all: {_residual(shown.residual)}",
        line,
        tuple(related),
        help=_remedy(shown, ruling),
    )


def _tuple(shown: Counterexample) -> str:
    values = ", ".join(f"{name} `{value}`" for name, value in shown.point.items())
    return f"{shown.domain}: {values}"


def _via(shown: Counterexample, agent: str) -> str:
    others = [name for name in shown.via if name != agent]
    return f" by its delegate `{others[0]}`" if others else ""


def _residual(boxes: Sequence[str]) -> str:
    rest = f" and {len(boxes) - _MOST} more" if len(boxes) > _MOST else ""
    return "; ".join(boxes[:_MOST]) + rest


def _when(ruling: Ruling, agents: Mapping[str, CheckedAgent], as_of: str) -> str:
    """When it fails: on the day that it asks about, up to a day, from one on, or always."""
    failing = ruling.decided.failing
    if isinstance(ruling.rule, ExpectRule) and ruling.rule.at:
        return f"fails on {ruling.rule.at}"
    if len(failing) > 1:
        return f"fails {' and '.join(map(str, failing))}"
    first, last = failing[0].first, failing[0].last
    since = f"from {first} " if first > as_of else ""
    if last:
        return f"fails {since}until {last}, then holds because {_ending(ruling, agents, last)} ends"
    if since:
        end = day_before(first)
        return f"holds until {end}, then fails because {_ending(ruling, agents, end)} ends"
    return "fails"


def _ending(ruling: Ruling, agents: Mapping[str, CheckedAgent], day: str) -> str:
    """The `allow` lines that end with a day and have to do with what the rule is about.

    Lines of an agent that is reached count, too; of a revision's lines only the domains are known.
    """
    shown = ruling.decided.counterexample
    assert shown is not None
    names = dict.fromkeys([ruling.agent, *shown.via])
    ending = [c for name in names for c in agents[name].allows if c.until == day]
    about = [c for c in ending if c.domain == shown.domain and shown.point in c.region]
    about = about or [c for c in ending if _concerns(ruling.rule, c)]
    lines = [f"`allow {c.text}`" for c in about]
    return " and ".join(dict.fromkeys(lines)) or "an allowance"


def _concerns(rule: Rule, line: Clause) -> bool:
    match rule:
        case NoNewRule():
            return line.domain in rule.domains
        case NeverRule() | ExpectRule():
            return any(c.domain == line.domain and c.region & line.region for c in rule.clauses)
    assert_never(rule)


def _line(shown: Counterexample, ruling: Ruling, agents: Mapping[str, CheckedAgent]) -> Span:
    """The line that admits the tuple; where there is none, the one that wants it."""
    if shown.is_missing:
        return ruling.rule.span
    agent = agents[shown.via[0]]
    lines = {place(c.span): c.span for c in agent.allows}
    if agent.identity_span is not None:
        lines[place(agent.identity_span)] = agent.identity_span
    for why in shown.derivations:
        for at in why.places:
            if at in lines:
                return lines[at]
    return agent.learning.span if agent.learning is not None else agent.span


def _remedy(shown: Counterexample, ruling: Ruling) -> str:
    if shown.is_missing:
        return "grant it, or correct the test"
    seen = [str(e) for why in shown.derivations for e in why.evidence]
    behind = f"it was observed at `{seen[0]}`; " if seen else ""
    if isinstance(ruling.rule, ExpectRule):
        return f"{behind}take it away with a `deny` line, or correct the test"
    return (
        f"{behind}take it away with a `deny` or `never` line, or say until when it stands: "
        f'`waive {ruling.claim.name} on {ruling.agent} until DATE because "..."`'
    )


def _of_waivers(
    rulings: Sequence[Ruling], waivers: Sequence[Waiver], as_of: str
) -> Iterator[Diagnostic]:
    failing = {(r.claim.name, r.agent) for r in rulings if r.decided.failing}
    for waiver in waivers:
        silenced = [a for a in waiver.agents if (waiver.assertion, a) in failing]
        names = ", ".join(f"`{a}`" for a in silenced)
        if waiver.until < as_of:
            yield Diagnostic(
                "PC3146",
                f"the waiver of `{waiver.assertion}` ended on {waiver.until}",
                waiver.span,
                help="remove the line, or have it renewed with its reason",
                severity=Severity.WARNING,
            )
        elif silenced:
            yield Diagnostic(
                "PC3145",
                f"`{waiver.assertion}` fails for {names} and is waived until {waiver.until}: {waiver.because}",
                waiver.span,
                help="the command fails from the day after on",
                severity=Severity.NOTE,
            )
        else:
            yield Diagnostic(
                "PC3147",
                f"`{waiver.assertion}` holds without this waiver",
                waiver.span,
                help="remove the line, so that it cannot hide a later fault",
                severity=Severity.WARNING,
            )


def encode(ruling: Ruling) -> dict[str, Json]:
    """The ruling as plain JSON; docs/reference/assertions.md gives the shape."""
    shown = ruling.decided.counterexample
    return {
        "claim": ruling.claim.name,
        "standard": ruling.claim.is_standard,
        "rule": ruling.rule.text,
        "place": ruling.rule.span.label(),
        "agent": ruling.agent,
        "level": Level.EXACT.value,
        "holds": not ruling.decided.failing,
        "failing": [{"from": p.first, "to": p.last or None} for p in ruling.decided.failing],
        "waivedUntil": ruling.waiver.until if ruling.waiver is not None else None,
        "counterexample": _encode(shown) if shown is not None else None,
    }


def _encode(shown: Counterexample) -> dict[str, Json]:
    return {
        "domain": shown.domain,
        "point": dict(shown.point),
        "is": "missing" if shown.is_missing else "granted",
        "residual": list(shown.residual),
        "via": list(shown.via),
        "because": [
            {
                "step": why.step.value,
                "policy": [str(at) for at in why.places],
                "evidence": [str(e) for e in why.evidence],
                "note": why.note,
                "until": why.until or None,
            }
            for why in shown.derivations
        ],
    }
