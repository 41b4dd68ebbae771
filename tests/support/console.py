"""The installed command, run as a user runs it, and small policy roots to run it on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

POLICYC = Path(sys.executable).with_name("policyc")

CLASS = """\
edition 2026
tiers low < high

window short {
  at least 1d
}

class base {
  cap {
    egress tcp 443 to host *.example.com
    egress tcp * to cidr 10.0.0.0/8, cidr 192.0.2.0/24
    kube get, list on configmaps, pods in namespace demo
    identity service-account *
  }
}
"""

AGENT = """
agent bot is base {
  workload Deployment demo/bot container main
  identity demo/bot
"""
"""Open: the lines of the agent and its `}` follow."""


def run(
    *args: str | Path, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [POLICYC, *map(str, args)], input=stdin, capture_output=True, check=False, cwd=cwd
    )


def root_with(
    folder: Path, *lines: str, more: str = "", files: Mapping[str, str] | None = None
) -> Path:
    """A policy root of one class and one agent that has these lines, with further files."""
    root = folder / "policies"
    root.mkdir()
    body = "".join(f"  {line}\n" for line in lines)
    (root / "demo.agentpol").write_text(f"{CLASS}{AGENT}{body}}}\n{more}", encoding="utf-8")
    for name, text in (files or {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def profile(**domains: object) -> str:
    """An AgentProfile of the agent's container, with one run ``r``."""
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "namespace": "demo",
        "name": "bot",
        "container": "main",
    }
    spec = {
        "workload": workload,
        "source": {"tool": "test", "version": "1"},
        "runs": [{"id": "r", "coverage": "from-creation"}],
        **domains,
    }
    return json.dumps(
        {
            "apiVersion": "policyc.dev/v1",
            "kind": "AgentProfile",
            "metadata": {"name": "bot"},
            "spec": spec,
        }
    )


def findings(root: Path, verb: str = "check", *more: str | Path) -> list[dict[str, object]]:
    """The findings of a verb, as its JSON says them."""
    done = run(verb, root, *more, "--format", "json")
    found = json.loads(done.stdout)["diagnostics"]
    assert isinstance(found, list)
    return found
