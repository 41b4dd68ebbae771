"""``policyc compile``: policies and profiles into a folder of artifacts."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, add_root, counted, progress, say, verdict
from policyc.emit.base import Slack
from policyc.pipeline.compile import Compiled, compile_root
from policyc.pipeline.each import sources
from policyc.pipeline.output import (
    digests_of,
    read_tree,
    refuse_foreign,
    replace_tree,
    sweep,
    tree_digest,
)
from policyc.pipeline.stamp import fingerprint, recall, remember


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("generated"),
        help="where artifacts go (generated)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if the output is out of date"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processors to use (all)")
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    refuse_foreign(args.output)
    if not args.check:
        sweep(args.output)  # the last run may have been killed after its work was done
    before = read_tree(args.output)
    key = fingerprint(args.root, args.output, args.as_of)
    made = tree_digest(digests_of(before))
    known = recall(args.root, args.output, key, made, sources(args.root))
    if known is not None:
        return _report(known, args, "unchanged")
    compiled = compile_root(
        args.root, as_of=args.as_of, jobs=args.jobs, progress=progress("compiling")
    )
    if not compiled.ok:
        say(compiled.diagnostics, args.format, args.root)
        return verdict(compiled.diagnostics)
    if compiled.files == before:
        outcome = "unchanged"
    elif args.check:
        return _differs(compiled, before, args)
    else:
        replace_tree(args.output, compiled.files)
        outcome = "written"
    remember(args.root, args.output, key, compiled)
    return _report(compiled, args, outcome)


def _report(compiled: Compiled, args: argparse.Namespace, outcome: str) -> int:
    say(compiled.diagnostics, args.format, args.root)
    if args.format == "text":
        for agent in compiled.agents:
            print(f"{args.output / agent.agent}: {', '.join(agent.files)}")
        _print_slack(compiled)
        files = sum(len(agent.files) for agent in compiled.agents)
        print(f"{counted(len(compiled.agents), 'agent')}, {counted(files, 'file')}, {outcome}")
    return Exit.CLEAN


def _print_slack(compiled: Compiled) -> None:
    """What the artifacts cannot hold back, each kind once with the number of agents."""
    agents: dict[Slack, int] = {}
    for agent in compiled.agents:
        for slack in agent.slack:
            agents[slack] = agents.get(slack, 0) + 1
    for slack, number in sorted(agents.items(), key=lambda pair: (pair[0].domain, pair[0].message)):
        print(f"slack in {slack.domain} ({counted(number, 'agent')}): {slack.message}")
        print(f"  covered by {slack.covered_by}")


def _differs(compiled: Compiled, before: dict[str, bytes], args: argparse.Namespace) -> int:
    say(compiled.diagnostics, args.format, args.root)
    names = sorted(
        name
        for name in compiled.files.keys() | before.keys()
        if compiled.files.get(name) != before.get(name)
    )
    if args.format == "text":
        for name in names:
            print(f"out of date: {args.output / name}")
    return Exit.FINDINGS
