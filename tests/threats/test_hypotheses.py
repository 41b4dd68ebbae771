"""Threats against recordings: validated, not fired, not heard, new; and closures that recordings contradict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.agents import AS_OF
from support.recordings import host, profile, run, write
from support.threats import POISONED, THREAT, WITHOUTS, build, closure, codes, records, root

from policyc.cli.main import main
from policyc.converge.report import document
from policyc.pipeline.build import lowered
from policyc.pipeline.compile import checked
from policyc.pipeline.convergence import converge_root
from policyc.profiles.base import AgentProfile

SHELL = """
threat T2 shell compromise {
  on substrate
  applies when exec
  says "a shell"
  refs T1609
  shown by syscall.exec.shell.none
  blast high
}
threat T3 metadata compromise {
  on substrate
  applies when container
  says "the metadata service is asked"
  refs T1552
  shown by metadata.access.none
  blast high
}
"""
CLOSE = """
close T2 on bot{since} {{
  by "no shell in the image"
  evidence signal syscall.exec.shell.none holds for 14d
  replay "attack.json"
}}
"""
LEARN = '  learn under week since 2026-08-01 from "p/*.json"'
HEAD = "window week {\n  at least 7d\n}\n"


def recorded(*paths: str) -> AgentProfile:
    """One day of the agent, on the first of August, that started these programs."""
    return profile([run(0, every_hours=24)], [{"executables": [(("path", p),) for p in paths], "egress": [host("a.example.com")]}])  # fmt: skip


def made(folder: Path, tail: str, *paths: str, stage: str = "observe") -> Path:
    attack = records({"kind": "syscall", "at": "2026-08-06T09:12:41Z", "agent": "bot", "fields": {"name": "execve", "path": "/bin/sh"}})  # fmt: skip
    cap = WITHOUTS
    folder = root(folder, tail, head=HEAD, lines=LEARN, members=cap, stage=stage, files={"attack.json": attack})  # fmt: skip
    text = (folder / "p.agentpol").read_text(encoding="utf-8")
    (folder / "p.agentpol").write_text(text.replace('exec "/app/**"', 'exec "/app/**", "/bin/**"'))
    write(folder / "p", recorded(*paths))
    return folder


def said(folder: Path) -> dict[str, tuple[str, bool]]:
    found = converge_root(folder, ["bot"])
    assert not found.bad
    return {h.threat: (h.outcome.value, h.is_new) for h in found.threats["bot"]}


def test_day_one_is_a_hypothesis_and_recordings_decide_it_m18(tmp_path: Path) -> None:
    """T1: nothing recorded could tell; T2: new, since a program was seen; T3: the peers are known."""
    day_one = root(tmp_path / "a", THREAT + SHELL)
    assert said(day_one) == {"T1": ("not heard", False), "T3": ("not heard", False)}
    quiet = made(tmp_path / "b", THREAT + SHELL, "/app/bot")
    assert said(quiet) == {
        "T1": ("not heard", False),
        "T2": ("not fired", True),
        "T3": ("not fired", False),
    }
    attacked = made(tmp_path / "c", THREAT + SHELL, "/app/bot", "/bin/sh")
    assert said(attacked)["T2"] == ("validated", True)


def test_converge_prints_and_writes_them_m18(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path, SHELL, "/bin/sh")
    main(["converge", str(folder), "bot"])
    text = capsys.readouterr().out
    assert "threat T2 shell: validated by syscall.exec.shell.none at p/000.json#" in text
    assert "new: it applies because of what was observed" in text
    main(["converge", str(folder), "bot", "--format", "json"])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [t["outcome"] for t in report["agents"][0]["threats"]] == ["validated", "not fired"]
    assert document([], []) == {**report, "agents": [], "diagnostics": []}


@pytest.mark.parametrize(
    ("since", "contradicted"),
    [("", True), (" since 2026-08-10", True), (" since 2026-08-16", False)],
)
def test_a_recording_contradicts_a_closure_that_says_silence(
    tmp_path: Path, since: str, contradicted: bool
) -> None:
    """The shell was started on the first of August; fourteen days of silence reach back that far, or not."""
    folder = made(tmp_path, SHELL + CLOSE.format(since=since), "/bin/sh")
    found = build(folder)
    assert ("PC3123" in codes(found, "warning")) is contradicted
    _, policy, _ = checked(folder)
    agent = next(a for a in policy.agents if a.name == "bot")
    open_ = lowered(folder, agent, policy, AS_OF).value.open_threats("2026-09-01")
    assert ("T2" in {t.id for t in open_}) is contradicted


def test_what_the_log_says_is_what_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path, SHELL + CLOSE.format(since=""), "/bin/sh")
    main(["threats", "log", str(folder)])
    assert "closed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("whose", "found"), [("bot", []), ("", []), ("helper", ["PC3122"]), ("lab", ["PC3122"])]
)
def test_a_replay_is_of_the_agent_that_its_closure_is_about(
    tmp_path: Path, whose: str, found: list[str]
) -> None:
    replay = {"poisoned.json": records({**POISONED, "agent": whose})}
    assert codes(build(root(tmp_path, THREAT + closure(), files=replay))) == found


def test_a_replay_by_a_profile_is_of_its_workload(tmp_path: Path) -> None:
    tail = SHELL + CLOSE.format(since=" since 2026-09-01").replace("attack.json", "p/000.json")
    folder = made(tmp_path / "a", tail, "/bin/sh")
    assert codes(build(folder)) == []
    assert codes(build(made(tmp_path / "b", tail.replace("on bot", "on helper"), "/bin/sh"))) == [
        "PC3122"
    ]
