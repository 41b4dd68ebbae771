"""``policyc init``: a repository with a policy, its tests and its pipelines."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import add_date, counted
from policyc.pipeline.starter import WHEEL, write_starter


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is new or empty")
    add_date(parser)


def run(args: argparse.Namespace) -> int:
    files = write_starter(args.folder, args.as_of)
    for name in sorted(files):
        if not name.startswith("generated/"):
            print(args.folder / name)
    generated = sum(name.startswith("generated/") for name in files)
    print(f"{args.folder / 'generated'}: {counted(generated, 'file')}")
    wheel = f"REQUIREMENT='PATH/{WHEEL}[testing,prove]'"
    print(f"next: cd {args.folder} && git init && make check {wheel}")
    return Exit.CLEAN
