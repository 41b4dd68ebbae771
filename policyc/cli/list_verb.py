"""``policyc list``: the agents; with ``--flat`` every permission, a line each."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, add_root, say, verdict
from policyc.core.diagnostics import has_errors
from policyc.core.errors import PolicycError
from policyc.core.suggest import did_you_mean
from policyc.envelope.model import Envelope
from policyc.pipeline.build import lower_agent
from policyc.pipeline.compile import checked, nothing_to_judge

Row = Mapping[str, str | int]
"""A line of the table, or an object of the JSON list; every row has the same keys."""


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("--flat", action="store_true", help="every permission of every agent")
    parser.add_argument("--agent", metavar="NAME", help="only this agent")
    add_date(parser)
    add_format(parser, ("text", "json"))


def run(args: argparse.Namespace) -> int:
    _, policy, diagnostics = checked(args.root)
    envelopes: list[Envelope] = []
    if not has_errors(diagnostics):
        for agent in policy.agents:
            envelope, found = lower_agent(args.root, agent, policy, args.as_of)
            diagnostics += found
            if envelope is not None:
                envelopes.append(envelope)
    if has_errors(diagnostics):
        say(diagnostics, "text")
        return verdict(diagnostics)
    if not policy.agents:
        raise nothing_to_judge(args.root)
    names = [e.subject.agent for e in envelopes]
    if args.agent is not None and args.agent not in names:
        hint = did_you_mean(args.agent, names) or "`policyc list` names them"
        raise PolicycError("PC7057", f"there is no agent `{args.agent}`", help=hint)
    envelopes = [e for e in envelopes if args.agent in (None, e.subject.agent)]
    rows = [row for e in envelopes for row in (_flat(e) if args.flat else [_summary(e)])]
    if args.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _table(rows)
    return Exit.CLEAN


def _summary(envelope: Envelope) -> Row:
    subject = envelope.subject
    if subject.workload:
        w = subject.workload
        where = f"{w.kind} {w.namespace}/{w.name} ({w.container})"
    else:
        where = f"managed by {subject.managed.provider}" if subject.managed else ""
    return {
        "agent": subject.agent,
        "class": subject.class_name,
        "stage": subject.stage,
        "tier": subject.tier,
        "workload": where,
        "identity": subject.service_account,
        "grants": sum(len(grants) for grants in envelope.grants.values()),
    }


def _flat(envelope: Envelope) -> list[Row]:
    return [
        {"agent": envelope.subject.agent, "domain": domain, "permits": line}
        for domain, region in envelope.domains.items()
        for line in region.describe()
    ]


def _table(rows: list[Row]) -> None:
    if not rows:
        return
    names = list(rows[0])
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in names}
    for row in [{name: name.upper() for name in names}, *rows]:
        print("  ".join(str(row[name]).ljust(widths[name]) for name in names).rstrip())
