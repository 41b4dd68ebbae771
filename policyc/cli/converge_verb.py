"""``policyc converge``: whether the recordings of agents have seen enough, and why not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from policyc.cli.main import Exit
from policyc.cli.report import add_format, add_root, counted, say
from policyc.converge.assess import Assessment
from policyc.converge.domains import DomainVerdict
from policyc.converge.findings import reasons
from policyc.converge.report import decimal, document
from policyc.converge.words import percent, span
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import has_errors
from policyc.core.render import visible
from policyc.pipeline.convergence import converge_root
from policyc.threats.hypotheses import Hypothesis


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="only these agents (all)")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    judged = converge_root(args.root, args.agents)
    if has_errors(judged.bad):
        say(judged.bad, args.format, args.root)
        return Exit.BAD_INPUT
    match args.format:
        case "json":
            threats = {name: [*map(_plain, found)] for name, found in judged.threats.items()}
            said = document(judged.assessments, (*judged.bad, *judged.found), threats)
            print(pretty_json(said).decode(), end="")
        case "sarif":
            say((*judged.bad, *judged.found), "sarif", args.root)
        case _:
            for one in judged.assessments:
                lines = [*_lines(one), *_threats(judged.threats[one.agent])]
                print("\n".join(map(visible, lines)))
            say(judged.bad, "text")
            converged = sum(one.converged for one in judged.assessments)
            print(f"{counted(len(judged.assessments), 'agent')}, {converged} converged")
    return Exit.FINDINGS if judged.found else Exit.CLEAN


def _lines(one: Assessment) -> Iterator[str]:
    wanted = one.demand
    windows = ", ".join(wanted.windows) or "no window"
    yield f"{one.agent}: {'converged' if one.converged else 'not converged'}, baseline {one.baseline}"
    yield (
        f"  {windows}: {span(one.seconds)} of {span(wanted.seconds)} ({wanted.seconds_by}), {one.sessions} of "
        f"{wanted.sessions} sessions, quiet for {span(one.quiet_seconds)} of {span(wanted.quiet_seconds)}"
    )
    for b in one.behaviours:
        yield f"  {b.name}: {b.answer} {b.seen} of {b.wanted}"
    if one.domains:
        yield f"  {'DOMAIN':18} {'ITEMS':>5} {'RUNS':>5} {'ONCE':>5} {'EXPECTED':>8} {'AT MOST':>8}  VERDICT"
    for verdict in one.domains:
        yield from _domain_lines(verdict)
    for reason in reasons(one):
        yield f"  {reason.code}: {reason.message}"
        yield f"    help: {reason.help}"
    for thing in one.dormant:
        yield f"  dormant: {thing.line}"


def _threats(found: Sequence[Hypothesis]) -> Iterator[str]:
    """What the recordings say of the threats: those that fired, those that could have, and how many are new."""
    for one in found:
        new = ", new: it applies because of what was observed" if one.is_new else ""
        by = f" by {one.signal}" if one.signal else ""
        at = f" at {one.place}" if one.place else ""
        yield f"  threat {one.threat} {one.name}: {one.outcome}{by}{at}{new}"


def _plain(one: Hypothesis) -> Json:
    return {
        "threat": one.threat,
        "name": one.name,
        "outcome": one.outcome.value,
        "new": one.is_new,
        "signal": one.signal,
        "place": one.place,
    }


def _domain_lines(verdict: DomainVerdict) -> Iterator[str]:
    said = "converged" if verdict.converged else "not converged"
    yield (
        f"  {verdict.domain:18} {verdict.items:>5} {verdict.runs:>5} {verdict.once:>5} "
        f"{decimal(verdict.expected) or '-':>8} {percent(verdict.limit):>8}  {said}"
    )
    if verdict.series:
        points = ", ".join(f"{p.runs}: {decimal(p.actual)}" for p in verdict.series)
        yield f"    new items of the next run after k runs: {points}"
    if verdict.calibration is not None:
        c = verdict.calibration
        yield (
            f"    {c.compared} predictions in {'order' if c.in_order else 'any order'}: {decimal(c.predicted)} expected, "
            f"{decimal(c.actual)} came"
        )
