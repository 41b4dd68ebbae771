"""``policyc diff REV``: what the change since a git revision means, per agent and domain."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, add_root, counted, progress, say, verdict
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import has_errors, in_order
from policyc.core.render import as_json, visible
from policyc.diff.compare import Change, Part, Relation
from policyc.pipeline.differ import Differences, differences


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("revision", metavar="REV", help="a git revision, such as origin/main")
    add_root(parser)
    parser.add_argument("--jobs", type=int, metavar="N", help="processors to use (all)")
    add_date(parser)
    add_format(parser, ("text", "json", "markdown"))


def run(args: argparse.Namespace) -> int:
    found = differences(
        args.root, args.revision, as_of=args.as_of, jobs=args.jobs, progress=progress("comparing")
    )
    if found.approved is None:
        say(found.diagnostics, "json" if args.format == "json" else "text", args.root)
        return verdict(found.diagnostics)
    match args.format:
        case "json":
            print(pretty_json(_json(found)).decode(), end="")
        case "markdown":
            print("\n".join(_markdown(found)))
        case _:
            say(found.diagnostics, "text", args.root)
            print("\n".join(map(visible, _text(found))))
    return Exit.WIDER if has_errors(found.diagnostics) else Exit.CLEAN


def _changed(found: Differences) -> list[Change]:
    return [c for c in found.changes if c.relation is not Relation.EQUIVALENT]


def _text(found: Differences) -> Iterator[str]:
    for change in _changed(found):
        yield f"{change.agent}: {change.what}: {change.relation}{_approval(found, change)}"
        yield from (f"  + {line}" for part in change.added for line in _lines(part))
        yield from (f"  - {line}" for part in change.removed for line in _lines(part))
    yield _totals(found)


def _lines(part: Part) -> Iterator[str]:
    yield from (f"{box} ({part.when})" if part.when else box for box in part.boxes)


def _approval(found: Differences, change: Change) -> str:
    line = (found.approved or {}).get((change.agent, change.what))
    return f", approved by {line.by} on {line.on}" if line is not None else ""


def _totals(found: Differences) -> str:
    changed = _changed(found)
    agents = {change.agent for change in found.changes}
    touched = {change.agent for change in changed}
    return f"{counted(len(touched), 'agent')} changed, {len(agents) - len(touched)} equivalent"


def _markdown(found: Differences) -> Iterator[str]:
    """A comment of a pull request."""
    changed = _changed(found)
    if not changed:
        yield f"Every envelope is equivalent: {_totals(found)}."
        return
    yield "| agent | domain | change | more | less |"
    yield "|---|---|---|---|---|"
    for change in changed:
        more, less = (
            "<br>".join(f"`{_cell(line)}`" for part in parts for line in _lines(part))
            for parts in (change.added, change.removed)
        )
        said = f"{change.relation}{_approval(found, change)}"
        yield f"| {change.agent} | {change.what} | {said} | {more} | {less} |"
    open_ = sum(d.code == "PC3184" for d in found.diagnostics)
    yield ""
    yield f"{_totals(found)}. " + (
        f"**{open_} without an approval.**" if open_ else "Nothing is wider without an approval."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _json(found: Differences) -> dict[str, Json]:
    changes: list[Json] = [
        {
            "agent": change.agent,
            "domain": change.what,
            "relation": change.relation.value,
            "added": [_part(part) for part in change.added],
            "removed": [_part(part) for part in change.removed],
            "approvedBy": line.by if line is not None else None,
        }
        for change in found.changes
        for line in [(found.approved or {}).get((change.agent, change.what))]
    ]
    return {"changes": changes, "diagnostics": as_json(in_order(found.diagnostics))}


def _part(part: Part) -> dict[str, Json]:
    return {
        "from": part.period.first,
        "to": part.period.last or None,
        "boxes": list(part.boxes),
        "point": dict(part.point),
    }
