"""``policyc prove``: every assertion and test decided, for every input and every later day."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby

from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, add_root, counted, progress, say
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import has_errors, in_order
from policyc.core.render import plain
from policyc.pipeline.judge import judge
from policyc.prove.decide import Level
from policyc.prove.ruling import Ruling
from policyc.prove.ruling import encode as encode_ruling


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "--since", default="", metavar="REV", help="the revision of every `no new ... since` rule"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processors to use (all)")
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    judged = judge(
        args.root,
        as_of=args.as_of,
        since=args.since,
        jobs=args.jobs,
        progress=progress("proving"),
    )
    found = [*judged.faults, *judged.findings]
    if args.format == "json":
        rulings: list[Json] = [encode_ruling(ruling) for ruling in judged.rulings]
        print(
            pretty_json({"diagnostics": plain(in_order(found)), "rulings": rulings}).decode(),
            end="",
        )
    else:
        say(found, args.format, args.root)
    if args.format == "text":
        _summary(judged.rulings)
    if has_errors(judged.faults):
        return Exit.BAD_INPUT
    return Exit.FINDINGS if has_errors(judged.findings) else Exit.CLEAN


def _summary(rulings: Sequence[Ruling]) -> None:
    """A line a claim of the policies; of the standard ones those that do not simply hold."""
    plain = 0
    for claim, group in groupby(rulings, key=lambda ruling: ruling.claim):
        about = list(group)
        if claim.is_standard and not any(r.decided.failing for r in about):
            plain += 1
            continue
        rules = counted(len(claim.rules), "rule")
        agents = counted(len({r.agent for r in about}), "agent")
        print(f"{claim.name}: {rules}, {agents}: {_verdict(about)}")
    if plain:
        print(f"{counted(plain, 'standard assertion')}: {Level.EXACT}")
    failing = sum(ruling.fails for ruling in rulings)
    waived = sum(ruling.waiver is not None for ruling in rulings)
    print(f"{len(rulings) - failing - waived} hold, {failing} fail, {waived} waived")


def _verdict(about: Sequence[Ruling]) -> str:
    failing = sorted({r.agent for r in about if r.fails})
    if failing:
        return f"fails for {', '.join(failing)}"
    waived = sorted({r.agent for r in about if r.waiver is not None})
    return f"waived for {', '.join(waived)}, else {Level.EXACT}" if waived else Level.EXACT
