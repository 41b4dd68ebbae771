"""``policyc prove``: every assertion and test decided, for every input and every later day."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from policyc.cli.extra import needs
from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, add_root, counted, progress, say
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import Diagnostic, has_errors, in_order
from policyc.core.render import as_json
from policyc.pipeline.judge import judge
from policyc.pipeline.stamp import compiled_envelopes
from policyc.prove.decide import Level
from policyc.prove.ruling import Ruling, encode

if TYPE_CHECKING:
    from policyc.pipeline.filters import FilterRuling


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "--since", default="", metavar="REV", help="the revision of every `no new ... since` rule"
    )
    parser.add_argument(
        "--seccomp", action="store_true", help="prove each agent's filter as the kernel's program"
    )
    parser.add_argument(
        "--compiled",
        type=Path,
        default=Path("generated"),
        metavar="FOLDER",
        help="an output of compile whose envelopes are read if they are today's (generated)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processors to use (all)")
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    if args.seccomp:
        needs("--seccomp", "z3", extra="prove")
    judged = judge(
        args.root,
        as_of=args.as_of,
        since=args.since,
        compiled=compiled_envelopes(args.root, args.compiled, args.as_of),
        jobs=args.jobs,
        progress=progress("proving"),
    )
    filters, differing = _filters(args) if args.seccomp else ([], [])
    found = [*judged.faults, *judged.findings, *differing]
    if args.format == "json":
        print(pretty_json(_json(found, judged.rulings, filters)).decode(), end="")
    else:
        say(found, args.format, args.root)
    if args.format == "text" and judged.rulings:
        _summary(judged.rulings)
        _summary_of_filters(filters)
    if has_errors(judged.faults):
        return Exit.BAD_INPUT
    return Exit.FINDINGS if has_errors(found) else Exit.CLEAN


def _filters(args: argparse.Namespace) -> tuple[list[FilterRuling], list[Diagnostic]]:
    from policyc.pipeline.filters import prove_filters  # z3 takes half a second to import

    return prove_filters(
        args.root, as_of=args.as_of, jobs=args.jobs, progress=progress("proving filters")
    )


def _json(
    found: Sequence[Diagnostic], rulings: Sequence[Ruling], filters: Sequence[FilterRuling]
) -> dict[str, Json]:
    document: dict[str, Json] = {
        "diagnostics": as_json(in_order(found)),
        "rulings": [encode(ruling) for ruling in rulings],
    }
    if filters:
        from policyc.pipeline.filters import encode as encode_filter

        document["filters"] = [encode_filter(ruling) for ruling in filters]
    return document


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


def _summary_of_filters(filters: Sequence[FilterRuling]) -> None:
    if not filters:
        return
    proved = sum(f.proved.disagreement is None for f in filters)
    print(f"{proved} of {counted(len(filters), 'seccomp filter')}: {Level.Z3}")
    unknown = sorted({name for f in filters for name in f.proved.left_out})
    if unknown:
        print(f"granted, and denied by filters of this libseccomp: {', '.join(unknown)}")
