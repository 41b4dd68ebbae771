"""``policyc profile import|merge|show|stats``: recordings of any known format."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import counted, say
from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.core.errors import PolicycError
from policyc.core.files import read_file, write_file
from policyc.core.render import visible
from policyc.profiles.agent_profile import encode, name_of, to_bytes
from policyc.profiles.base import AgentProfile, join_profiles
from policyc.profiles.folder import write_profiles
from policyc.profiles.registry import read_profiles
from policyc.profiles.statistics import statistics


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("import", "turn recordings of any known format into AgentProfiles, one file each"),
        ("merge", "join the profiles of one container into one"),
        ("show", "what was seen, item by item"),
        ("stats", "per domain: items, runs, and how many new ones the next run would show"),
    ):
        verb = verbs.add_parser(name, help=summary, description=summary)
        verb.add_argument("files", nargs="+", type=Path, help="recordings, or - for stdin")
        if name == "import":
            verb.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
        elif name == "merge":
            verb.add_argument("-o", "--output", type=Path, help="file to write to (stdout)")
        else:
            verb.add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    profiles, found = _read(args.files)
    say(found, "text")
    if has_errors(found):
        return Exit.BAD_INPUT
    match args.action:
        case "import":
            for path in write_profiles(args.output, profiles):
                print(path)
        case "merge":
            _merge(profiles, args.output)
        case "show":
            _show(profiles, args.format)
        case _:
            _stats(profiles, args.format)
    return Exit.CLEAN


def _read(paths: list[Path]) -> tuple[list[AgentProfile], list[Diagnostic]]:
    profiles: list[AgentProfile] = []
    found: list[Diagnostic] = []
    for path in paths:
        data = sys.stdin.buffer.read() if path == Path("-") else read_file(path)
        outcome = read_profiles(path.as_posix(), data)
        profiles += outcome.value
        found += outcome.diagnostics
    return profiles, found


def _merge(profiles: list[AgentProfile], output: Path | None) -> None:
    joined = join_profiles(profiles)
    if len(joined) != 1:
        names = ", ".join(name_of(profile) for profile in joined) or "none"
        raise PolicycError(
            "PC5008",
            f"the files are about {len(joined)} subjects: {names}",
            help="merge the profiles of one container at a time; `import` writes one file each",
        )
    if output is None:
        sys.stdout.buffer.write(to_bytes(joined[0]))
    else:
        write_file(output, to_bytes(joined[0]))


def _show(profiles: list[AgentProfile], format_: str) -> None:
    joined = join_profiles(profiles)
    if format_ == "json":
        print(json.dumps([encode(profile) for profile in joined], indent=2, ensure_ascii=False))
        return
    for profile in joined:
        print(
            f"{name_of(profile)}: {counted(len(profile.runs), 'run')}, recorded by {profile.tool}"
        )
        for domain, items in profile.items.items():
            print(f"  {domain}")
            for item in items:
                words = " ".join(_word(name, value) for name, value in item.values)
                print(
                    visible(
                        f"    {words}  ({item.phase}, {len(item.runs)} of {len(profile.runs)} runs)"
                    )
                )


def _word(name: str, value: object) -> str:
    """A field's value; a flag by its name, and names that only the program gave as such."""
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if not isinstance(value, tuple):
        return str(value)
    text = ",".join("=".join(v) if isinstance(v, tuple) else str(v) for v in value) or "-"
    return f"called {text}" if name == "hosts" else text


def _stats(profiles: list[AgentProfile], format_: str) -> None:
    rows = [
        {"profile": name_of(profile), **row}
        for profile in join_profiles(profiles)
        for row in statistics(profile)
    ]
    if format_ == "json":
        print(json.dumps(rows, indent=2))
        return
    print(
        f"{'PROFILE':40} {'DOMAIN':14} {'ITEMS':>6} {'RUNS':>5} {'ONCE':>5} {'NEW NEXT RUN':>13} {'LOST':>6}"
    )
    for row in rows:
        print(
            f"{row['profile']:40} {row['domain']:14} {row['items']:>6} {row['runs']:>5} "
            f"{row['once']:>5} {row['newNextRun']:>13} {row['lost']:>6}"
        )
