"""`policyc reconcile`: exit codes, formats, the report as an artifact, and where findings point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.console import findings, root_with, run
from support.manifests import account, binding, role, rule
from support.recordings import profile, write
from support.recordings import run as one_run
from support.samples import ROOT

from policyc.cli.main import Exit
from policyc.kube.yaml import dump

Json = Any  # documents
LEARN = 'learn under short since 2026-08-01 from "recorded/*.json"'
SEEN = (("verb", "get"), ("group", ""), ("resource", "pods"), ("namespace", "demo"))
LATER = 'until 2099-12-31 because "R"'


def places(folder: Path, *lines: str, verbs: str = "get list") -> tuple[Path, Path]:
    """A policy root with one recording, and the manifests of its agent's role."""
    root = root_with(folder, LEARN, *lines)
    write(root / "recorded", profile([one_run(0)], [{"kube": [SEEN]}]))
    mine = role("bot", rule(verbs, "pods"))
    manifests = folder / "rbac.yaml"
    manifests.write_bytes(
        b"---\n".join(dump(one) for one in (mine, binding("bot", mine, account())))
    )
    return root, manifests


@pytest.mark.parametrize(
    ("verbs", "lines", "code"),
    [
        ("get", (), Exit.CLEAN),
        ("get list", (), Exit.FINDINGS),
        ("get list", (f"dormant justify kube list on pods in namespace demo {LATER}",), Exit.CLEAN),
        ("get patch", (), Exit.FINDINGS),
    ],
)
def test_exit_codes_m9(tmp_path: Path, verbs: str, lines: tuple[str, ...], code: int) -> None:
    root, manifests = places(tmp_path, *lines, verbs=verbs)
    for format_ in ("text", "json", "sarif"):
        assert (
            run("reconcile", root, "--manifests", manifests, "--format", format_).returncode == code
        )


def test_the_report_is_an_artifact_m68(tmp_path: Path) -> None:
    root, manifests = places(tmp_path)
    kept = tmp_path / "report.json"
    done = run("reconcile", root, "--manifests", manifests, "--format", "json", "-o", kept)
    assert done.stdout == kept.read_bytes()
    report: Json = json.loads(done.stdout)
    (agent,) = report["agents"]
    assert (report["kind"], agent["used"], len(agent["declared"])) == ("ReconciliationReport", 1, 2)
    (dormant,) = agent["dormant"]
    assert (dormant["name"], dormant["kind"]) == (
        "kube list on pods in namespace demo",
        "Unused Excess",
    )
    assert dormant["blast"] == {"data": 2, "system": 0, "scope": 0, "downstream": 0, "score": 2, "level": "low"}  # fmt: skip
    (said,) = report["diagnostics"]
    assert said["code"] == "PC3243"
    assert said["place"]["path"] == str(manifests)
    again = run("reconcile", root, "--manifests", manifests, "--format", "json")
    assert again.stdout == done.stdout


def test_a_decision_without_a_day_is_an_error_m9(tmp_path: Path) -> None:
    root, manifests = places(tmp_path, "dormant revoke kube list on pods")
    done = run("reconcile", root, "--manifests", manifests, "--format", "json")
    assert done.returncode == Exit.BAD_INPUT
    assert [d["code"] for d in json.loads(done.stdout)["diagnostics"]] == ["PC3241"]


def test_a_need_that_may_come_justifies_nothing_m10(tmp_path: Path) -> None:
    line = (
        "dormant justify kube list on pods in namespace demo until 2026-12-31 because "
        '"future-proofing"'
    )
    root, manifests = places(tmp_path, line)
    done = run("reconcile", root, "--manifests", manifests, "--format", "json")
    assert done.returncode == Exit.BAD_INPUT
    assert [d["code"] for d in json.loads(done.stdout)["diagnostics"]] == ["PC3104"]


def test_a_decision_whose_day_has_passed_is_an_error_for_the_compiler_too_m9(
    tmp_path: Path,
) -> None:
    line = 'dormant accept kube list on pods in namespace demo until 2026-08-31 because "R"'
    root, manifests = places(tmp_path, line)
    for day, codes in (("2026-08-31", []), ("2026-09-01", ["PC3242"])):
        errors = [d["code"] for d in findings(root, "check", "--as-of", day) if d["severity"] == "error"]  # fmt: skip
        assert errors == codes
        done = run("reconcile", root, "--manifests", manifests, "--as-of", day, "--format", "json")
        assert [d["code"] for d in json.loads(done.stdout)["diagnostics"]] == codes
        assert done.returncode == (Exit.FINDINGS if codes else Exit.CLEAN)


def test_what_is_no_manifest_is_bad_input(tmp_path: Path) -> None:
    root, manifests = places(tmp_path)
    manifests.write_text(manifests.read_text().replace("- list", "- 7"))
    done = run("reconcile", root, "--manifests", manifests, "--format", "json")
    assert done.returncode == Exit.BAD_INPUT
    assert [d["code"] for d in json.loads(done.stdout)["diagnostics"]] == ["PC3249"]
    assert run("reconcile", root, "--manifests", tmp_path / "none").returncode == Exit.BAD_INPUT
    assert run("reconcile", root).returncode == Exit.BAD_INPUT


def test_the_examples_are_reconciled() -> None:
    """A planner that creates Jobs in its namespace can act as any account of it."""
    done = run("reconcile", "policies", "--manifests", "policies/cluster", "generated", "--format", "json", cwd=ROOT)  # fmt: skip
    report: Json = json.loads(done.stdout)
    found = {(d["code"], d["message"].split("`")[1]) for d in report["diagnostics"]}
    assert ("PC3247", "supervisor") in found
    assert [c["chain"] for c in report["delegations"]] == [["supervisor", "searcher"]]


@pytest.mark.parametrize(
    ("resource", "severity", "code"),
    [("pods", "note", Exit.CLEAN), ("secrets", "error", Exit.FINDINGS)],
)
def test_what_no_cap_has_room_for_needs_no_recording(
    tmp_path: Path, resource: str, severity: str, code: int
) -> None:
    root = root_with(tmp_path)
    mine = role("bot", rule("get", resource))
    manifests = tmp_path / "rbac.yaml"
    manifests.write_bytes(b"---\n".join(map(dump, (mine, binding("bot", mine, account())))))
    done = run("reconcile", root, "--manifests", manifests, "--format", "json")
    (said,) = json.loads(done.stdout)["diagnostics"]
    assert (said["code"], said["severity"], done.returncode) == ("PC3243", severity, code)
    assert ("record what" in said["help"]) == (severity == "note")
