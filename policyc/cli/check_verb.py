"""``policyc check``: all that ``compile`` does and reports, without writing."""

from __future__ import annotations

import argparse

from policyc.cli.report import add_date, add_format, add_root, counted, progress, say, verdict
from policyc.pipeline.compile import compile_root


def configure(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    compiled = compile_root(args.root, as_of=args.as_of, progress=progress("checking"))
    say(compiled.diagnostics, args.format, args.root)
    if args.format == "text" and not compiled.diagnostics:
        print(f"{counted(len(compiled.agents), 'agent')}, nothing to report")
    return verdict(compiled.diagnostics)
