"""``policyc check``: read, resolve, judge and lower; write nothing."""

from __future__ import annotations

import argparse

from policyc.cli.report import add_date, add_format, add_root, say, verdict
from policyc.core.diagnostics import has_errors
from policyc.pipeline.build import lower_agent
from policyc.pipeline.compile import checked


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    _, policy, diagnostics = checked(args.root)
    if not has_errors(diagnostics):
        for agent in policy.agents:
            diagnostics += lower_agent(args.root, agent, policy, args.as_of)[1]
    say(diagnostics, args.format)
    if args.format == "text" and not diagnostics:
        print(f"{len(policy.agents)} agents, nothing to report")
    return verdict(diagnostics)
