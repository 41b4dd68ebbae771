"""``policyc fmt``: one layout for .agentpol files, no options, no change of meaning."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import add_format, say, verdict
from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.core.errors import PolicycError
from policyc.core.files import files_below, read_file, write_file
from policyc.core.source import Source
from policyc.syntax.format import format_source


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path("policies")],
        help="files, folders, or - for stdin to stdout (policies)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a file would change"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    diagnostics: list[Diagnostic] = []
    changed: list[Path] = []
    for path in _files(args.paths):
        before = sys.stdin.buffer.read() if path == Path("-") else read_file(path)
        after, found = _formatted(path, before)
        diagnostics += found
        if has_errors(found):
            continue
        if path == Path("-"):
            sys.stdout.buffer.write(after)
        elif after != before:
            changed.append(path)
            if not args.check:
                write_file(path, after)
    say(diagnostics, args.format)
    for path in changed:
        print(f"{'would format' if args.check else 'formatted'} {path}", file=sys.stderr)
    if has_errors(diagnostics):
        return verdict(diagnostics)
    return Exit.FINDINGS if args.check and changed else Exit.CLEAN


def _formatted(path: Path, data: bytes) -> tuple[bytes, list[Diagnostic]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise PolicycError(
            "PC7050",
            f"`{path}` is not UTF-8: byte {fault.start} cannot be read",
            help="save the file as UTF-8",
        ) from fault
    outcome = format_source(Source(path.as_posix(), text))
    return outcome.value.encode(), outcome.diagnostics


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += files_below(path, ".agentpol") if path.is_dir() else [path]
    return found
