"""``policyc threats list|show|replay|log``: the catalogue over the agents of a policy root."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from policyc.catalog.taxonomies import title
from policyc.cli.main import Exit
from policyc.cli.report import FORMATS, add_date, add_format, add_root, say
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Severity, has_errors
from policyc.core.errors import PolicycError
from policyc.core.files import read_file
from policyc.core.suggest import did_you_mean
from policyc.envelope.model import Envelope
from policyc.pipeline.build import lowered
from policyc.pipeline.compile import checked, nothing_to_judge
from policyc.reconcile.reach import Way, actions, paths
from policyc.semantics.catalogue import ThreatSpec
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.applies import applicable
from policyc.threats.components import components, unsaid, without
from policyc.threats.judge import history, open_threat
from policyc.threats.lints import lints, paper, shadows
from policyc.threats.records import Record, read_records
from policyc.threats.replay import Heard, all_heard, replayed

_OWN = frozenset({"PC3101", "PC3103", "PC3105"})
"""Errors of threats: they are what is asked for here, and stop nothing."""


@dataclass(frozen=True, slots=True)
class _Root:
    """A policy root, judged on a day."""

    workspace: Workspace
    policy: CheckedPolicy
    agents: tuple[tuple[CheckedAgent, Envelope], ...]
    found: list[Diagnostic]


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("list", "every threat of every agent, and how it stands"),
        ("show", "an agent's components, threats and reach, or one threat"),
        ("replay", "which signals fire on records, or on the closures' own replays"),
        ("log", "when threats were closed, accepted and re-opened, and by whom"),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        if name == "show":
            action.add_argument("name", help="an agent, or the id of a threat")
        if name == "replay":
            action.add_argument(
                "files", nargs="*", type=Path, help="records, audit logs or profiles; - for stdin"
            )
            action.add_argument(
                "--root", type=Path, default=Path("policies"), help="the policy root"
            )
        else:
            add_root(action)
        if name in ("list", "log"):
            action.add_argument("--agent", metavar="NAME", help="only this agent")
        add_date(action)
        add_format(action, FORMATS if name in ("list", "replay") else ("text", "json"))


def run(args: argparse.Namespace) -> int:
    actions: Mapping[str, Callable[[argparse.Namespace, _Root], int]] = {
        "list": _list,
        "show": _show,
        "replay": _replay,
        "log": _log,
    }
    root = _judged(args.root, args.as_of)
    faults = [d for d in root.found if d.severity is Severity.ERROR and d.code not in _OWN]
    own_replays = args.action == "replay" and not args.files
    if own_replays:
        faults = [d for d in faults if d.code != "PC3106"]
    if faults:
        say(faults, args.format, args.root)
        return Exit.BAD_INPUT
    return actions[args.action](args, root)


def _judged(root: Path, as_of: date) -> _Root:
    workspace, policy, found = checked(root)
    agents: list[tuple[CheckedAgent, Envelope]] = []
    for agent in policy.agents if not _stops(found) else ():
        outcome = lowered(root, agent, policy, as_of)
        found += outcome.diagnostics
        agents.append((agent, outcome.value))
    return _Root(workspace, policy, tuple(agents), found)


def _stops(found: Iterable[Diagnostic]) -> bool:
    return any(d.severity is Severity.ERROR and d.code != "PC3106" for d in found)


def _chosen(
    root: _Root, folder: Path, name: str | None
) -> tuple[tuple[CheckedAgent, Envelope], ...]:
    """The agent of a name, or all; PolicycError PC7057 or PC7056 where there is none."""
    if not root.agents:
        raise nothing_to_judge(folder)
    names = [agent.name for agent, _ in root.agents]
    if name is not None and name not in names:
        hint = did_you_mean(name, names) or "`policyc list` names them"
        raise PolicycError("PC7057", f"there is no agent `{name}`", help=hint)
    return tuple((a, e) for a, e in root.agents if name in (None, a.name))


# -- list ------------------------------------------------------------------------------


def _list(args: argparse.Namespace, root: _Root) -> int:
    agents = _chosen(root, args.root, args.agent)
    rows = [row for agent, envelope in agents for row in _rows(agent, envelope, root, args.as_of)]
    found = [d for d in root.found if d.code in _OWN and d.code != "PC3101"]
    for agent, envelope in agents:
        found += _open(agent, envelope, root.policy, args.as_of)
        found += lints(agent, envelope, root.policy)
        found += unsaid(agent, envelope, root.policy)
    found += [*paper(root.policy.catalogue), *shadows(args.root, root.workspace, root.policy)]
    if args.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        if args.format == "text":
            _table(rows)
        say(found, args.format, args.root)
    return Exit.FINDINGS if found else Exit.CLEAN


def _rows(
    agent: CheckedAgent, envelope: Envelope, root: _Root, day: date
) -> Iterable[dict[str, Json]]:
    specs = root.policy.catalogue.threats
    for threat in envelope.threats:
        spec, state = specs[threat.id], threat.on(day.isoformat())
        covers = [c for c in threat.covers if c.state is state and c.holds_on(day.isoformat())]
        until = (
            "" if any(not c.until for c in covers) else max((c.until for c in covers), default="")
        )
        yield {
            "agent": agent.name,
            "stage": agent.stage,
            "threat": spec.id,
            "name": spec.name,
            "class": spec.kind,
            "blast": spec.blast,
            "state": state.value,
            "until": until,
        }


def _open(
    agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy, day: date
) -> Iterable[Diagnostic]:
    blocking = Severity.ERROR if agent.stage == "enforce" else Severity.WARNING
    for threat in envelope.open_threats(day.isoformat()):
        spec = policy.catalogue.threats[threat.id]
        yield open_threat(spec, agent, envelope, policy, day, blocking)


def _table(rows: list[dict[str, Json]]) -> None:
    if not rows:
        return
    head: dict[str, Json] = {name: name.upper() for name in rows[0]}
    widths = {n: max(len(n), *(len(str(r[n])) for r in rows)) for n in head}
    for row in [head, *rows]:
        print("  ".join(str(row[name]).ljust(widths[name]) for name in row).rstrip())


# -- show ------------------------------------------------------------------------------


def _show(args: argparse.Namespace, root: _Root) -> int:
    threats = root.policy.catalogue.threats
    agents = {agent.name: (agent, envelope) for agent, envelope in root.agents}
    if args.name in agents:
        shown = _agent(*agents[args.name], root, args.as_of)
    elif args.name in threats:
        shown = _threat(threats[args.name], root, args.as_of)
    else:
        hint = did_you_mean(args.name, (*agents, *threats)) or "`policyc threats list` names them"
        raise PolicycError("PC7057", f"there is no agent or threat `{args.name}`", help=hint)
    if args.format == "json":
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _print(shown)
    return Exit.CLEAN


def _agent(agent: CheckedAgent, envelope: Envelope, root: _Root, day: date) -> dict[str, Json]:
    delegators = [a.name for a, _ in root.agents if agent.name in a.delegates]
    ways_in, ways_out = paths(envelope, delegators), actions(envelope, root.policy)
    parts = components(agent, envelope, root.policy)
    return {
        "agent": agent.name,
        "stage": agent.stage,
        "components": [asdict(part) for part in parts],
        "without": {
            word: why
            for word in ("inference", "tools", "memory", "identity", "substrate")
            if (why := without(agent, root.policy, word))
        },
        "threats": [*_rows(agent, envelope, root, day)],
        "reach": {
            "size": len(ways_in) * len(ways_out),
            "paths": [_way(way) for way in ways_in],
            "actions": [_way(way) for way in ways_out],
        },
    }


def _way(way: Way) -> dict[str, Json]:
    return {"what": way.what, "because": way.because}


def _threat(spec: ThreatSpec, root: _Root, day: date) -> dict[str, Json]:
    """All that a catalogue entry says, and how it stands where it applies."""
    return {
        "id": spec.id,
        "name": spec.name,
        "class": spec.kind,
        "components": [*spec.components],
        "appliesWhen": [*spec.facts],
        "scope": "artifact" if spec.is_artifact else "agent",
        "attackerAction": spec.says,
        "authorisation": spec.rights,
        "example": spec.example,
        "primaryEvidence": [*spec.shown],
        "detectionLayer": spec.layer,
        "mitigation": spec.mitigation,
        "references": {ref: title(ref) for ref in spec.refs},
        "blast": spec.blast,
        "declaredAt": spec.span.label(),
        "agents": {
            agent.name: next(t for t in envelope.threats if t.id == spec.id)
            .on(day.isoformat())
            .value
            for agent, envelope in root.agents
            if spec in applicable(root.policy.catalogue, envelope)
        },
    }


def _print(value: Json, indent: str = "") -> None:
    """Plain data as lines: a name and its value, lists and objects indented."""
    assert isinstance(value, dict)
    for name, item in value.items():
        match item:
            case dict() if item:
                print(f"{indent}{name}:")
                _print(item, indent + "  ")
            case [dict(), *_]:
                print(f"{indent}{name}:")
                for entry in item:
                    assert isinstance(entry, dict)
                    print(f"{indent}  - " + "; ".join(f"{k}: {v or '-'}" for k, v in entry.items()))
            case list():
                print(f"{indent}{name}: {', '.join(map(str, item)) or '-'}")
            case _:
                print(f"{indent}{name}: {item or '-'}")


# -- replay and log ----------------------------------------------------------------------


def _replay(args: argparse.Namespace, root: _Root) -> int:
    found: list[Diagnostic] = []
    rows: list[dict[str, Json]] = []
    if args.files:
        records = [r for path in args.files for r in _records(path, found)]
        rows += [_heard("", one) for one in all_heard(root.policy.catalogue.signals, records)]
    else:
        found += [d for d in root.found if d.code in ("PC3106", "PC3107")]
        for closure in root.policy.catalogue.closures:
            ignored: list[Diagnostic] = []
            results = replayed(args.root, closure, root.policy, ignored)
            name = f"{closure.threat} on {closure.subject[1]}"
            rows += [_heard(name, one) for one in results]
    if args.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif args.format == "text":
        for row in rows:
            print(
                "  ".join(str(row[name]) for name in ("fires", "signal", "closure", "by")).rstrip()
            )
    if args.format != "json":
        say(found, args.format, args.root)
    if args.files:
        return Exit.BAD_INPUT if has_errors(found) else Exit.CLEAN
    return Exit.FINDINGS if found else Exit.CLEAN


def _records(path: Path, found: list[Diagnostic]) -> tuple[Record, ...]:
    is_stdin = path == Path("-")
    data = sys.stdin.buffer.read() if is_stdin else read_file(path)
    outcome = read_records("stdin" if is_stdin else path.as_posix(), data)
    found += outcome.diagnostics
    return outcome.value


def _heard(closure: str, one: Heard) -> dict[str, Json]:
    return {
        "fires": "fires" if one.fires else "silent",
        "signal": one.signal.name,
        "kind": one.signal.kind,
        "closure": closure,
        "by": ", ".join(record.place for record in one.by[:3]),
    }


def _log(args: argparse.Namespace, root: _Root) -> int:
    rows: list[dict[str, Json]] = []
    for agent, envelope in _chosen(root, args.root, args.agent):
        for at, threat, what in history(agent, envelope, root.policy.catalogue):
            rows.append({"at": at, "agent": agent.name, "threat": threat, "what": what})
    if args.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _table(rows)
    return Exit.CLEAN
