"""`policyc converge`, and `stage enforce` at compile time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.console import findings, root_with, run
from support.recordings import call, host, profile, steady, write
from support.recordings import run as one_run

from policyc.cli.main import Exit
from policyc.profiles.base import AgentProfile

LEARN = 'learn under short since 2026-08-01 from "recorded/*.json"'
ENOUGH = 120


def root(folder: Path, *profiles: AgentProfile, lines: tuple[str, ...] = (LEARN,)) -> Path:
    made = root_with(folder, *lines)
    write(made / "recorded", *profiles)
    return made


@pytest.mark.parametrize(
    ("number", "code"), [(ENOUGH, Exit.CLEAN), (5, Exit.FINDINGS)], ids=["enough", "too few"]
)
def test_exit_codes(tmp_path: Path, number: int, code: int) -> None:
    made = root(tmp_path, steady(number))
    for format_ in ("text", "json", "sarif"):
        assert run("converge", made, "--format", format_).returncode == code
    assert run("converge", made, "bot").returncode == code


def test_the_report(tmp_path: Path) -> None:
    made = root(tmp_path, steady(16))
    report = json.loads(run("converge", made, "--format", "json").stdout)
    (agent,) = report["agents"]
    assert (report["kind"], agent["agent"], agent["converged"]) == (
        "ConvergenceReport",
        "bot",
        False,
    )
    calls = next(d for d in agent["domains"] if d["domain"] == "syscalls")
    shown = [p["runs"] for p in calls["series"]]
    assert (shown[0], shown[-1]) == (1, 15)
    assert {d["code"] for d in report["diagnostics"]} == {"PC3202", "PC3203"}
    again = run("converge", made, "--format", "json")
    assert json.loads(again.stdout) == report


def test_bad_input_is_no_verdict(tmp_path: Path) -> None:
    backwards = steady(1, start="2026-08-02T00:00:00Z", end="2026-08-01T00:00:00Z")
    for i, (recorded, code) in enumerate(
        [
            (backwards, "PC3211"),
            (profile([one_run(0)], [{}], workload=_other()), "PC5007"),
        ]
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        done = run("converge", root(folder, recorded), "--format", "json")
        assert done.returncode == Exit.BAD_INPUT
        assert [d["code"] for d in json.loads(done.stdout)["diagnostics"]] == [code]
        if code == "PC5007":
            (said,) = json.loads(done.stdout)["diagnostics"]
            assert said["message"].startswith("agent `bot` learns from `")
            assert said["message"].endswith(
                "which is not about `Deployment demo/bot container main`"
            )
            assert "it is about `Deployment demo/other container main`: correct the agent's line" in said["help"]  # fmt: skip
            assert said["place"]["line"]
            assert [r["message"] for r in said["related"]] == ["the agent is this"]
    done = run("converge", tmp_path / "0" / "policies", "bott")
    assert done.returncode == Exit.BAD_INPUT
    assert b"did you mean `bot`?" in done.stderr


def _other() -> object:
    from policyc.profiles.base import WorkloadKey

    return WorkloadKey("apps/v1", "Deployment", "demo", "other", "main")


def test_enforce_needs_a_converged_profile_m45_m72(tmp_path: Path) -> None:
    """The same recordings: an error in `enforce`, none in `audit`; with more runs none at all."""
    for stage, number, codes in (
        ("enforce", 5, ["PC3201"]),
        ("audit", 5, []),
        ("enforce", ENOUGH, []),
    ):
        folder = tmp_path / f"{stage}-{number}"
        folder.mkdir()
        seen = {"egress": [host("api.example.com")], "syscalls": [call("read")]}
        made = root(folder, steady(number, seen), lines=(LEARN, f"stage {stage}"))
        errors = [d for d in findings(made) if d["severity"] == "error"]
        assert [d["code"] for d in errors] == codes
        assert run("check", made).returncode == (Exit.BAD_INPUT if codes else Exit.CLEAN)


def test_enforce_without_a_recording_is_refused_at_the_stage_m45(tmp_path: Path) -> None:
    made = root_with(tmp_path, "stage enforce")
    (found,) = (d for d in findings(made) if d["severity"] == "error")
    assert found["code"] == "PC3201"
    assert "there is no recording" in str(found["message"])
    assert isinstance(found["place"], dict)
    text = (made / "demo.agentpol").read_text().splitlines()
    assert text[found["place"]["line"] - 1].strip() == "stage enforce"


def test_enforced_from_staging_on_the_first_day_m31(tmp_path: Path) -> None:
    line = 'pre-enforced from staging "recorded/*.json"'
    seen = {"egress": [host("api.example.com")], "syscalls": [call("read")]}
    made = root(tmp_path, steady(ENOUGH, seen), lines=(line, "stage enforce"))
    assert run("check", made).returncode == Exit.CLEAN
