"""How verbs speak: findings in three formats, progress on a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path, PurePath

import policyc
from policyc.cli.main import Exit
from policyc.core.diagnostics import Diagnostic, Severity, has_errors, in_order
from policyc.core.render import render_json, render_sarif, render_text
from policyc.envelope.timeline import day_of

FORMATS = ("text", "json", "sarif")


def add_format(parser: argparse.ArgumentParser, formats: tuple[str, ...] = FORMATS) -> None:
    parser.add_argument(
        "--format", choices=formats, default="text", help="how findings are printed"
    )


def add_root(parser: argparse.ArgumentParser) -> None:
    """ROOT, or ``--root`` as the verbs have it whose arguments are something else; not both."""
    parser.add_argument(
        "root",
        nargs="?",
        type=Path,
        default=_ROOT,
        action=_Root,
        help="the policy root (policies)",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=argparse.SUPPRESS,
        action=_Root,
        help="the policy root, as an option",
    )


_ROOT = Path("policies")


class _Root(argparse.Action):
    """Stores the root once; an argument that is not there must not undo the option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002  # argparse passes it
    ) -> None:
        if values is _ROOT:
            return
        if namespace.root is not _ROOT:
            parser.error(f"the policy root is given twice, as `{namespace.root}` and `{values}`")
        namespace.root = values


def add_date(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-of",
        type=_day,
        default=date.fromisoformat(day_of(datetime.now(UTC))),
        metavar="DATE",
        help="the day on which `until` is judged (today, UTC)",
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(f"`{text}` is no day: write it as 2026-12-31") from fault


def say(diagnostics: Iterable[Diagnostic], format_: str, root: Path | None = None) -> None:
    """Findings: text to stderr as talk, json and sarif to stdout as data.

    ``root`` is the policy root that their paths are below, where they are.
    """
    found = in_order(diagnostics)
    match format_:
        case "json":
            print(render_json(found), end="")
        case "sarif":
            print(render_sarif(found, version=policyc.__version__, root=_below(root)), end="")
        case _:
            if found:
                sys.stdout.flush()  # where both go to one place, data that is said already comes first
                color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
                print(render_text(found, color=color), end="", file=sys.stderr)
                print(_counts(found), file=sys.stderr)


def _below(root: Path | None) -> str:
    """The root as seen from the working directory, with a final slash."""
    if root is None:
        return ""
    path = PurePath(os.path.relpath(root)).as_posix()
    return "" if path == "." else f"{path}/"


def verdict(diagnostics: Iterable[Diagnostic]) -> Exit:
    """Bad input when there is an error; warnings and notes are clean."""
    return Exit.BAD_INPUT if has_errors(diagnostics) else Exit.CLEAN


def counted(number: int, noun: str) -> str:
    """``1 agent``, ``2 agents``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def progress(what: str, unit: str = "agents") -> Callable[[int, int], None] | None:
    """A bar on stderr when it is a terminal, else None."""
    if not sys.stderr.isatty():
        return None
    from tqdm import tqdm  # 20 ms to import: only when a bar is drawn

    bar = tqdm(desc=what, unit=f" {unit}", leave=False, file=sys.stderr)

    def step(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return step


def _counts(found: list[Diagnostic]) -> str:
    parts = []
    for severity in Severity:
        number = sum(d.severity is severity for d in found)
        if number:
            parts.append(counted(number, severity.value))
    return ", ".join(parts)
