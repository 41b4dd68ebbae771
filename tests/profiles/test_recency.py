"""`since`: what was last seen before the day is no evidence, and that is said."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from policyc.envelope.model import Envelope
from policyc.pipeline.build import lower_agent
from policyc.pipeline.compile import checked

POLICY = """edition 2026
tiers low < high
window short {
  at least 1d and 1 sessions
}
class base {
  tier low
  cap {
    syscalls profile all
  }
}
agent bot is base {
  workload Deployment demo/bot container main
  identity demo/bot
  learn under short since 2026-08-01 from "*.json"
}
"""


def profile(*last_seen: tuple[str, str]) -> str:
    """An AgentProfile of syscalls, each with the time of its last sighting or none."""
    calls = [
        {"architecture": "amd64", "name": name, "runs": ["1"]} | ({"lastSeen": at} if at else {})
        for name, at in last_seen
    ]
    key = {
        "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "demo", "name": "bot",
        "container": "main",
    }  # fmt: skip
    spec = {"workload": key, "source": {"tool": "x"}, "runs": [{"id": "1"}], "syscalls": calls}
    head = {"apiVersion": "policyc.dev/v1", "kind": "AgentProfile", "metadata": {"name": "x"}}
    return json.dumps({**head, "spec": spec})


def compiled(root: Path, *profiles: str) -> tuple[Envelope, dict[str, str]]:
    (root / "p.agentpol").write_text(POLICY, encoding="utf-8")
    for i, text in enumerate(profiles):
        (root / f"{i}.json").write_text(text, encoding="utf-8")
    _, policy, found = checked(root)
    envelope, said = lower_agent(root, policy.agents[0], policy, date(2026, 9, 1))
    assert envelope is not None, said
    return envelope, {d.code: d.message for d in (*found, *said)}


def has(envelope: Envelope, name: str) -> bool:
    return {"architecture": "amd64", "name": name} in envelope.domains["syscalls"]


@pytest.mark.parametrize(
    ("last_seen", "counts"),
    [
        ("2026-07-31T23:59:59Z", False),
        ("2020-01-01T00:00:00Z", False),
        ("2026-08-01T00:00:00Z", True),
        ("2026-08-09T12:00:00Z", True),
        ("", True),
    ],
)
def test_the_day_decides(tmp_path: Path, last_seen: str, counts: bool) -> None:
    envelope, said = compiled(tmp_path, profile(("ptrace", last_seen)))
    assert has(envelope, "ptrace") == counts
    assert ("PC4012" in said) != counts


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    old = "2026-07-01T00:00:00Z"
    names = ("bpf", "kexec_load", "ptrace", "reboot")
    _, said = compiled(tmp_path, profile(*((name, old) for name in names), ("getpid", "")))
    assert "4 observed and last seen before 2026-08-01" in said["PC4012"]
    assert "`syscalls amd64 bpf`" in said["PC4012"]
    assert "and 1 more" in said["PC4012"]
    assert "getpid" not in said["PC4012"]


@pytest.mark.parametrize("other", ["2026-08-02T00:00:00Z", ""])
def test_an_old_sighting_supports_nothing_that_another_one_shows(
    tmp_path: Path, other: str
) -> None:
    envelope, said = compiled(
        tmp_path, profile(("ptrace", "2026-07-01T00:00:00Z")), profile(("ptrace", other))
    )
    assert has(envelope, "ptrace")
    assert "PC4012" not in said
    evidence = {
        e.path for g in envelope.grants["syscalls"] for d in g.derivations for e in d.evidence
    }
    assert evidence == {"1.json"}
