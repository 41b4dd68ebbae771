"""``policyc reconcile``: what manifests declare against what was observed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.objects import read_objects
from policyc.cli.report import add_date, add_format, add_root, counted, say
from policyc.core.canonical import pretty_json
from policyc.core.diagnostics import has_errors
from policyc.core.files import write_file
from policyc.core.render import visible
from policyc.pipeline.reconciliation import Reconciled, reconcile_root
from policyc.reconcile.reconciliation import Reconciliation
from policyc.reconcile.report import document


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="only these agents (all)")
    parser.add_argument(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="what the cluster holds: files, folders, or - for stdin",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the report as JSON there, too"
    )
    parser.add_argument(
        "--reachable",
        action="store_true",
        help="print every reachable capability, not their number",
    )
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    objects = list(read_objects(args.manifests))
    reconciled = reconcile_root(args.root, objects, args.agents, as_of=args.as_of)
    if has_errors(reconciled.bad):
        say(reconciled.bad, args.format, args.root)
        return Exit.BAD_INPUT
    report = pretty_json(document(reconciled.agents, reconciled.chains, reconciled.found))
    if args.output is not None:
        write_file(args.output, report)
    match args.format:
        case "json":
            print(report.decode(), end="")
        case "sarif":
            say(reconciled.found, "sarif")
        case _:
            print("\n".join(map(visible, _lines(reconciled, args.reachable))))
            say(reconciled.found, "text")
    return Exit.FINDINGS if has_errors(reconciled.found) else Exit.CLEAN


def _lines(reconciled: Reconciled, with_reachable: bool) -> Iterator[str]:
    for one in reconciled.agents:
        yield from _agent(one, with_reachable)
    for chain in reconciled.chains:
        domains = ", ".join(sorted(chain.authority)) or "nothing"
        yield f"{' -> '.join(chain.chain)}: authority over {domains} of all of them"
    dormant = sum(len(one.dormant) for one in reconciled.agents)
    yield f"{counted(len(reconciled.agents), 'agent')}, {counted(dormant, 'dormant permission')}"


def _agent(one: Reconciliation, with_reachable: bool) -> Iterator[str]:
    yield f"{one.agent.name}: {len(one.declared)} declared, {one.used} used, {len(one.dormant)} dormant"
    for each in one.dormant:
        decided = each.disposition
        what = f"{decided.decision} until {decided.clause.until}" if decided else "not decided"
        sure = "" if each.is_certain else ", not recorded"
        yield (
            f"  {each.kind}{sure}, blast {each.blast.level} {each.blast.score}: "
            f"{each.permission.name} ({what})"
        )
        for source in each.permission.sources:
            yield f"    by {source.text}" + (f": {source.shared}" if source.shared else "")
    yield f"  {len(one.capabilities)} reachable capabilities"
    for capability in one.capabilities if with_reachable else ():
        yield f"    {capability.path} > {capability.action} > {capability.permission} ({capability.because})"
    for framework in one.frameworks:
        yield f"  framework {framework.name} {framework.version}"
