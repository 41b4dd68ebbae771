"""The command line: exit codes, formats, and bad input that leaves everything as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.console import POLICYC, run
from support.samples import ROOT

DATE = ("--as-of", "2026-09-01")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the example policies."""
    return Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def compiled(root: Path, out: Path, *more: str) -> subprocess.CompletedProcess[bytes]:
    return run("compile", root, "-o", out, *DATE, *more)


def test_the_committed_output_is_what_the_examples_compile_to(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compiled(root, out).returncode == 0
    assert tree(out) == tree(ROOT / "generated")


def test_unchanged_is_recognised_and_tampering_is_not_forgiven(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert b"written" in compiled(root, out).stdout
    before = tree(out)
    again = compiled(root, out)
    assert again.stdout.endswith(b"unchanged\n")
    assert compiled(root, out, "--check").returncode == 0
    victim = out / "triage-bot" / "networkpolicy.yaml"
    victim.write_bytes(victim.read_bytes() + b"# more\n")
    assert compiled(root, out, "--check").returncode == 1
    assert b"written" in compiled(root, out).stdout
    assert tree(out) == before


def test_warnings_are_repeated_for_an_unchanged_tree(root: Path, tmp_path: Path) -> None:
    first, second = compiled(root, tmp_path / "out"), compiled(root, tmp_path / "out")
    assert first.stderr == second.stderr != b""


def test_order_of_files_and_jobs_do_not_matter(root: Path, tmp_path: Path) -> None:
    assert compiled(root, tmp_path / "one", "--jobs", "1").returncode == 0
    other = tmp_path / "copy"
    other.mkdir()
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_file():
            target = other / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert compiled(other, tmp_path / "two", "--jobs", "2").returncode == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


BAD = {
    "broken syntax": ("bad.agentpol", b"edition 2026\nclas x {\n}\n", b"PC1001"),
    "not UTF-8": ("bad.agentpol", b"edition 2026\n# \xff\n", b"PC7001"),
    "50 MB": ("bad.agentpol", b"# padding\n" * 5_000_000, b"PC7001"),
    "deep nesting": ("bad.agentpol", b"edition 2026\n" + b"class a {\n" * 10_000, b"PC1007"),
    "a YAML bomb": (
        "cluster/bomb.yaml",
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"k%d: &%c [%s]\n" % (i, 98 + i, b", ".join([b"*%c" % (97 + i)] * 10)) for i in range(8)
        ),
        b"PC2012",
    ),
    "a manifest of 50 MB": ("cluster/big.yaml", b"# padding\n" * 5_000_000, b"PC2012"),
    "duplicate keys": ("cluster/dup.yaml", b"kind: Service\nkind: Pod\n", b"PC2012"),
    "a manifest that is not UTF-8": ("cluster/bad.yaml", b"kind: \xff\xfe\n", b"PC2012"),
    "unknown fields": (
        "support/profiles/new.json",
        b'{"apiVersion": "policyc.dev/v1", "kind": "AgentProfile", "metadata": {"name": "x"}, "spec": {}, "more": 1}',
        b"PC5003",
    ),
    "another schema version": (
        "support/profiles/new.json",
        b'{"apiVersion": "policyc.dev/v9", "kind": "AgentProfile"}',
        b"PC5002",
    ),
    "contradictory caps": (
        "bad.agentpol",
        b'edition 2026\nimport "baselines/corp.agentpol" as c\nclass x extends c.base {\n  cap {\n    capabilities SYS_ADMIN\n  }\n}\n',
        b"PC3004",
    ),
    "an overlapping workload": (
        "bad.agentpol",
        (
            b'edition 2026\nimport "support/triage-bot.agentpol" as s\nagent x is s.support-desk {\n'
            b"  workload Deployment support/triage-bot container kagent\n  identity support/x\n}\n"
        ),
        b"PC3005",
    ),
    "a shared ServiceAccount": (
        "bad.agentpol",
        (
            b'edition 2026\nimport "support/triage-bot.agentpol" as s\nagent x is s.support-desk {\n'
            b"  workload Deployment support/x container kagent\n  identity support/triage-bot\n}\n"
        ),
        b"PC3006",
    ),
    "a name that Kubernetes refuses": (
        "bad.agentpol",
        (
            b'edition 2026\nimport "support/triage-bot.agentpol" as s\nagent x is s.support-desk {\n'
            b"  workload Deployment support/X container kagent\n  identity support/x\n}\n"
        ),
        b"PC3008",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=[name.replace(" ", "-") for name in BAD])
def test_bad_input_is_refused_and_nothing_is_written(case: str, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compiled(root, out).returncode == 0
    before = tree(out)
    name, data, code = BAD[case]
    (root / name).write_bytes(data)
    done = compiled(root, out)
    assert done.returncode == 2, done.stderr[-2000:]
    assert code in done.stderr
    assert tree(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "out", "policies"]


def test_imports_that_escape_or_circle(root: Path, tmp_path: Path) -> None:
    (root / "a.agentpol").write_text(
        'edition 2026\nimport "b.agentpol" as b\nimport "../x.agentpol" as x\n'
    )
    (root / "b.agentpol").write_text('edition 2026\nimport "a.agentpol" as a\n')
    done = compiled(root, tmp_path / "out")
    assert done.returncode == 2
    assert b"PC2003" in done.stderr
    assert b"PC2004" in done.stderr


def test_a_foreign_or_unwritable_output_folder_is_refused(root: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    done = compiled(root, mine)
    assert done.returncode == 2
    assert b"PC7052" in done.stderr
    assert tree(mine) == {"notes.txt": b"keep me"}
    (tmp_path / "file").write_text("x")
    assert b"PC705" in compiled(root, tmp_path / "file").stderr
    done = compiled(root, Path("/proc/nowhere/out"))
    assert done.returncode == 2
    assert b"PC7053" in done.stderr


def test_a_kill_while_writing_leaves_one_whole_output(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compiled(root, out).returncode == 0
    old = tree(out)
    path = root / "support" / "triage-bot.agentpol"
    path.write_text(path.read_text().replace("stage audit", "stage observe"))
    assert compiled(root, tmp_path / "new").returncode == 0
    new = tree(tmp_path / "new")
    assert new != old
    for delay in (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8):
        child = subprocess.Popen(
            [POLICYC, "compile", root, "-o", out, *DATE],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert tree(out) in (old, new)
    assert compiled(root, out).returncode == 0
    assert tree(out) == new
    assert not list(tmp_path.glob(".out.new-*"))


def test_an_unchanged_tree_is_cleared_of_what_a_killed_run_left(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compiled(root, out).returncode == 0
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, mine = (tmp_path / f".out.new-{pid}" for pid in (gone.pid, os.getpid()))
    for folder in (left, mine):
        (folder / "triage-bot").mkdir(parents=True)
    assert compiled(root, out, "--check").returncode == 0
    assert left.exists()
    assert compiled(root, out).stdout.endswith(b"unchanged\n")
    assert not left.exists()
    assert mine.exists()  # another run that is still at work


def test_why_names_the_evidence(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compiled(root, out)
    line = f"{out}/triage-bot/networkpolicy.yaml#/spec/egress/2/ports/0/port"
    done = run("why", line, "--root", root)
    assert done.returncode == 0
    assert b"support/profiles/triage-bot.json#/spec/" in done.stdout
    as_json = json.loads(run("why", line, "--root", root, "--format", "json").stdout)
    evidence = as_json[0]["because"][0]["evidence"][0]
    name, _, pointer = evidence.partition("#")
    here = json.loads((root / name).read_bytes())
    for token in pointer.split("/")[1:]:
        here = here[int(token)] if isinstance(here, list) else here[token]
    assert here["runs"]
    wrong = run("why", f"{out}/triage-bot/networkpolicy.yaml#/spec/egres/1")
    assert wrong.returncode == 2
    assert b"PC7057" in wrong.stderr


def test_formats_of_one_finding(root: Path) -> None:
    (root / "bad.agentpol").write_text("edition 2026\nclas x {\n}\n")
    as_text, as_json, as_sarif = (
        run("check", root, *DATE, "--format", f) for f in ("text", "json", "sarif")
    )
    assert as_text.returncode == as_json.returncode == as_sarif.returncode == 2
    assert b"--> bad.agentpol:2:1" in as_text.stderr
    found = json.loads(as_json.stdout)["diagnostics"]
    (finding,) = [d for d in found if d["severity"] == "error"]
    assert (finding["code"], finding["place"]["line"]) == ("PC1001", 2)
    results = json.loads(as_sarif.stdout)["runs"][0]["results"]
    (result,) = [r for r in results if r["level"] == "error"]
    assert result["ruleId"] == "PC1001"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_is_no_clean_verdict(stream: str, root: Path) -> None:
    (root / "bad.agentpol").write_text("edition 2026\nclas x {\n}\n")
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    format_ = "json" if stream == "stdout" else "text"
    done = subprocess.run(
        [POLICYC, "check", root, "--format", format_],
        check=False,
        stdout=streams["stdout"],
        stderr=streams["stderr"],
    )
    os.close(writer)
    assert done.returncode == 141


def test_fmt(root: Path) -> None:
    path = root / "support" / "mcp.agentpol"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"  at service", b"     at    service"))
    assert run("fmt", "--check", root).returncode == 1
    assert run("fmt", root).returncode == 0
    assert path.read_bytes() == before
    assert run("fmt", "-", stdin=before).stdout == before
    path.write_bytes(b"edition 2026\nclas x {\n}\n")
    assert run("fmt", root).returncode == 2
    assert path.read_bytes() == b"edition 2026\nclas x {\n}\n"


def test_small_verbs(root: Path) -> None:
    assert b"edition 2026" in run("version").stdout
    assert run("explain", "PC1001").stdout.startswith(b"# PC1001:")
    assert (
        b"did you mean" in run("explain", "PC101").stderr or run("explain", "PC101").returncode == 2
    )
    assert json.loads(run("schema", "agent-profile").stdout)["title"] == "AgentProfile"
    assert run("schema", "agent-profil").returncode == 2
    listed = json.loads(run("list", root, *DATE, "--format", "json").stdout)
    assert {row["agent"] for row in listed} >= {"triage-bot", "docs-reader"}
    assert all(isinstance(row["grants"], int) for row in listed)
    (one,) = json.loads(
        run("list", root, *DATE, "--agent", "triage-bot", "--format", "json").stdout
    )
    assert one in listed
    assert b"did you mean `triage-bot`?" in run("list", root, "--agent", "triag-bot").stderr
    flat = json.loads(run("list", root, *DATE, "--flat", "--format", "json").stdout)
    assert any(r["domain"] == "tools" and "ticket.read" in r["permits"] for r in flat)
    assert run("nonsense").returncode == 2
    assert run("check", root / "nowhere").returncode == 2


def test_profile_verbs(root: Path, tmp_path: Path) -> None:
    recording = root / "support" / "profiles" / "triage-bot.json"
    merged = run("profile", "merge", recording, recording)
    assert merged.returncode == 0
    assert run("profile", "merge", "-", stdin=merged.stdout).stdout == merged.stdout
    assert run("profile", "import", recording, "-o", tmp_path / "in").returncode == 0
    assert (
        tmp_path / "in" / "deployment-support-triage-bot-kagent.json"
    ).read_bytes() == merged.stdout
    assert b"ticket.read" in run("profile", "show", recording).stdout
    rows = json.loads(run("profile", "stats", recording, "--format", "json").stdout)
    assert {"syscalls", "egress"} <= {row["domain"] for row in rows}
    other = root / "retrieval" / "profiles" / "docs-reader.json"
    assert b"PC5008" in run("profile", "merge", recording, other).stderr


def test_no_color_and_no_terminal_means_plain_text(root: Path) -> None:
    (root / "bad.agentpol").write_text("edition 2026\nclas x {\n}\n")
    assert b"\x1b[" not in run("check", root, *DATE).stderr
