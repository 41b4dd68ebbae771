"""Policy roots with threats, for tests: one agent with a tool, an identity and a delegate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from policyc.pipeline.compile import Compiled, compile_root
from support.samples import ROOT

DAY = date(2026, 9, 1)

FRAME = """edition 2026
tiers low < high
{head}
mcp tracker {{
  at host tracker.example.com:443
  tools read, write
  pin read sha256:{pin}
  reviewed by "appsec@corp.example" on 2026-08-01 because "R-1"
}}
mcp other {{
  at host other.example.com:443
  tools find
  reviewed by "appsec@corp.example" on 2026-08-01 because "R-1"
}}
class base {{
  tier low
  owner "team@corp.example"
  cap {{
    tool *: *
    model *
    kube get on configmaps in namespace demo
    egress tcp 443 to host *.example.com
    exec "/app/**"
    identity service-account *
    image registry.corp.example/*
  }}
{members}
}}
agent bot is base {{
  workload Deployment demo/bot container main
  identity demo/bot
  stage {stage}
  allow tool tracker: read because "R-2"
  allow model anthropic/claude because "R-2"
  allow kube get on configmaps in namespace demo because "R-2"
  allow image registry.corp.example/bot@* because "R-2"
  delegates to helper
{lines}
}}
agent helper is base {{
  workload Deployment demo/helper container main
  identity demo/helper
  stage observe
  allow tool other: find because "R-3"
  allow model anthropic/claude because "R-3"
  allow image registry.corp.example/helper@* because "R-3"
}}
{tail}
"""

THREAT = """
threat T1 tool-poisoning coercion {
  on tools
  applies when tools
  says "A server changes tool text to steer the agent."
  refs MCP03:2025
  blast high
}
"""

LEARNT = "window week {\n  at least 7d and 100 sessions\n}\n"
RECORDING = ROOT / "tests/cases/admission/research/profiles/research.json"

WITHOUTS = '  without memory because "it keeps nothing"'

POISONED = {
    "kind": "mcp",
    "at": "2026-08-06T09:12:41Z",
    "agent": "bot",
    "fields": {"method": "tools/list", "server": "tracker", "tool": "read", "pinned": "changed"},
}

Json = Any  # tests build and break documents of every shape


def records(*rows: Json) -> str:
    return json.dumps({"apiVersion": "policyc.dev/v1", "kind": "SignalRecords", "records": [*rows]})


def events(*rows: Json) -> str:
    return json.dumps({"apiVersion": "policyc.dev/v1", "kind": "ThreatEvents", "events": [*rows]})


def event(at: str, name: str = "mcp.connection.added", **about: str) -> Json:
    """An event with both signatures; about the agent `bot` where nothing else is said."""
    return {
        "at": at,
        "event": name,
        "because": "seen in review",
        "signedBy": {"security": "appsec@corp.example", "platform": "platform@corp.example"},
        **(about or {"agent": "bot"}),
    }


def recording() -> str:
    """A recording that has converged, of the agent `bot`: without it nothing is enforced."""
    document = json.loads(RECORDING.read_text(encoding="utf-8"))
    document["spec"]["workload"] |= {"namespace": "demo", "name": "bot", "container": "main"}
    document["spec"]["runs"][0]["behaviours"]["delegation"] = 1
    return json.dumps(document)


def root(
    folder: Path,
    tail: str = THREAT,
    *,
    stage: str = "observe",
    head: str = "",
    lines: str = "",
    members: str = WITHOUTS,
    files: Mapping[str, str] | None = None,
) -> Path:
    """A policy root in ``folder``; the replay of a poisoned tool is ``poisoned.json``."""
    if stage == "enforce":
        head += LEARNT
        lines += '\n  learn under week since 2026-08-01 from "bot.json"'
        files = {"bot.json": recording(), **(files or {})}
    text = FRAME.format(
        head=head, tail=tail, stage=stage, lines=lines, members=members, pin="ab" * 32
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "p.agentpol").write_text(text, encoding="utf-8")
    for name, data in {"poisoned.json": records(POISONED), **(files or {})}.items():
        (folder / name).write_text(data, encoding="utf-8")
    return folder


def closure(since: str = "", *, replay: str = "poisoned.json", more: str = "") -> str:
    day = f" since {since}" if since else ""
    shown = f'  replay "{replay}"\n' if replay else ""
    return (
        f"close T1 on bot{day} {{\n"
        '  by "descriptions are pinned"\n'
        "  evidence signal mcp.manifest.unchanged holds for 14d\n"
        f"{shown}{more}}}\n"
    )


def acceptance(until: str, *, since: str = "", more: str = "") -> str:
    day = f" since {since}" if since else ""
    return (
        f"accept T1 on bot{day} until {until} {{\n"
        '  because "its only server is ours; SEC-6"\n'
        f'  approver "ciso@corp.example"\n{more}}}\n'
    )


def build(folder: Path, day: date = DAY) -> Compiled:
    return compile_root(folder, as_of=day, jobs=1)


def codes(compiled: Compiled, severity: str = "error") -> list[str]:
    """The codes of a build's findings of one severity, sorted."""
    return sorted(d.code for d in compiled.diagnostics if d.severity.value == severity)
