"""From a program to its compiled profile, the way a user goes: record, write a policy, compile."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from policyc.core.diagnostics import has_errors
from policyc.emit.seccomp import SECCOMP, path_of
from policyc.pipeline.build import AgentBuild, build_agent
from policyc.pipeline.compile import checked
from policyc.profiles.agent_profile import to_bytes
from policyc.profiles.base import AgentProfile, Item, Run, WorkloadKey
from support.containers import require

AS_OF = date(2026, 9, 1)
ARCHITECTURE = "amd64"
WORKLOAD = WorkloadKey("apps/v1", "Deployment", "demo", "bot", "main")

_POLICY = """edition 2026
tiers low < high
window short {{
  at least 1d and 1 sessions
}}
class base {{
  tier low
  cap {{
    syscalls profile all
  }}
}}
agent bot is base {{
  workload {key.kind} {key.namespace}/{key.name} container {key.container}
  identity {key.namespace}/{key.name}
  learn under short since 2026-08-01 from "profiles/*"
}}
"""
_ENTRY = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)


def calls_of(command: Sequence[str], folder: Path) -> frozenset[str]:
    """The syscalls that a command makes when it runs in ``folder`` outside of any container.

    The process and its children, from the command's own execve on, as strace names them.
    """
    require("strace")
    log = folder / "strace.log"
    ended = subprocess.run(
        ["strace", "--follow-forks", "--quiet=all", "--output", log, *command],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": "/bin"},
    )
    assert ended.stderr == b"", ended.stderr
    return frozenset(_ENTRY.findall(log.read_text(encoding="utf-8", errors="replace")))


def profile_of(calls: Iterable[str]) -> bytes:
    """The AgentProfile of one run that saw these calls."""
    runs = frozenset({"one"})
    items = tuple(
        Item((("architecture", ARCHITECTURE), ("name", name)), runs, "application")
        for name in sorted(calls)
    )
    profile = AgentProfile(WORKLOAD, tool="strace", runs=(Run("one"),), items={"syscalls": items})
    return to_bytes(profile)


def compiled(
    root: Path, profiles: dict[str, bytes], workload: WorkloadKey = WORKLOAD
) -> AgentBuild:
    """The build of a policy root, written to ``root``, whose one agent learns from the profiles."""
    (root / "profiles").mkdir(parents=True)
    (root / "bot.agentpol").write_text(_POLICY.format(key=workload), encoding="utf-8")
    for name, data in profiles.items():
        (root / "profiles" / name).write_bytes(data)
    _, policy, found = checked(root)
    build = build_agent(root, policy.agents[0], policy, AS_OF)
    found += build.diagnostics
    assert not has_errors(found), [d.message for d in found]
    return build


def seccomp(build: AgentBuild) -> Any:
    """The seccomp profile as it would be installed on a node."""
    return json.loads(build.files[path_of(ARCHITECTURE)])


def seccomp_for(build: AgentBuild, *runtimes: str) -> Any:
    """The seccomp profile of a cluster that has only these runtimes."""
    assert build.envelope is not None
    cluster = replace(build.envelope.cluster, runtimes=runtimes)
    return SECCOMP.emit(replace(build.envelope, cluster=cluster)).artifacts[0].document
