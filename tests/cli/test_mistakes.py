"""Mistakes at the command line: each is named, with what was meant."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from support.console import profile, run
from support.samples import ROOT

from policyc.cli.main import main


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "generated", tmp_path / "generated"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chek"], "did you mean `check`?"),
        (["frobnicate"], "`policyc --help` lists them"),
        (["check", "--as-of", "yesterday"], "`yesterday` is no day: write it as 2026-12-31"),
        (["why", "generated"], "`generated` is a folder"),
        (["why", "generated"], "such as `generated/code-runner/networkpolicy.yaml`"),
        (["why", "loose.yaml"], "`loose.yaml` is no artifact"),
        (["why", "generated/none.yaml"], "none.yaml"),
        (["why", "generated/triage-bot/networkpolicy.yaml#spec"], "networkpolicy.yaml#/spec`"),
        (["bundle", "keygen", "team", "-o", "none/team.key"], "a folder that exists"),
        (["bundle", "keygen", "team", "-o", "team.key"], "never overwritten"),
        (["bundle", "sign", "genrated", "--key", "team.key"], "no folder `genrated`"),
        (["bundle", "sign", ".", "--key", "team.key"], "`.` is no compiled bundle: there is no"),
        (["bundle", "sign", "/", "--key", "team.key"], "`/` has no name"),
        (["compile", "loose.yaml"], "the policy root `loose.yaml` is a file, not a folder"),
        (["compile", "loose"], "there is no policy root `loose`"),
        (
            ["admit", "loose.yaml", "--bundle", "x"],
            "with --bundle; without it, that is `generated`",
        ),
        (["bundle", "sign", "--key", "team.key.pub"], "the file without `.pub`"),
        (["bundle", "verify", "--key", "team.key"], "is in the file `.pub`"),
        (["bundle", "verify", "genrated", "--key", "team.key.pub"], "no folder `genrated`"),
        (["admit", "x", "--bundel", "generated"], "no option `--bundel`; did you mean `--bundle`?"),
        (["bundle", "verify", "--kye=x", "--key", "x"], "did you mean `--key`?"),
        (["webhook", "run", "--prot", "1"], "policyc webhook run: error: there is no option"),
        (["webhook", "manifests", "-o", "loose.yaml"], "the folder `loose.yaml`: File exists"),
        (["webhook", "manifests", "--check"], "help: name the folder with --output"),
        (["webhook", "manifests", "-o", "/proc/none"], "cannot make the folder `/proc/none`"),
        (["compile", "generated", "-o", "/"], "`/` holds files that policyc did not write"),
        (["bundle", "objects", "/"], "`/` has no name"),
        (["profile", "import", "seen.json", "-o", "loose.yaml"], "`loose.yaml`: File exists"),
        (["schema", "a", "b"], "`b` is one too many; `policyc schema --help`"),
        (["webhook", "manifests", "--replicas", "0"], "`0` is no number of pods"),
        (["webhook", "manifests", "--url", "http://a"], "write it as https://HOST:PORT"),
        (["webhook", "manifests", "--home", "A B"], "`A B` cannot name a namespace"),
        (["webhook", "manifests", "--ca-file", "loose.yaml"], "`loose.yaml` holds no certificate"),
        (["bundle", "objects"], "generated.sig`: No such file or directory"),
        (["audit", "show", "log", "--since", "monday"], "write it as 2026-12-31"),
        (["audit", "show", "log", "--verdict", "maybe"], "invalid choice"),
    ],
)
def test_a_mistake_is_named(words: list[str], said: str, generated: Path) -> None:
    (generated.parent / "loose.yaml").write_text("a: 1\n")
    (generated.parent / "seen.json").write_text(profile())
    if words[0] == "bundle":
        assert main(["bundle", "keygen", "team", "-o", f"{generated.parent / 'team.key'}"]) == 0
    done = run(*words, cwd=generated.parent)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert not done.stdout


def test_a_code_by_its_number() -> None:
    assert run("explain", "4001").stdout == run("explain", "PC4001").stdout != b""


def test_why_without_the_policies_at_hand(generated: Path) -> None:
    line = generated / "triage-bot" / "networkpolicy.yaml#/spec/egress/2/to/0"
    done = run("why", line, cwd=generated.parent)
    assert done.returncode == 0
    assert b"note: there is no policy root `policies`" in done.stderr
    assert b"evidence support/profiles/triage-bot.json#" in done.stdout


@pytest.mark.parametrize("words", [["scan", "--live"], ["verify-webhook", "--live"]])
def test_live_without_the_client(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "error[PC7116]: --live needs `kubernetes`, which is not installed\n"
        "  help: in a clone: `.venv/bin/pip install --require-hashes -r webhook/requirements.txt`; "
        "elsewhere: install the wheel with its extra, `WHEEL[webhook]`\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["compile"],
        ["prove"],
        ["list"],
        ["list", "--flat", "--format", "json"],
        ["threats", "list"],
        ["threats", "log"],
        ["converge"],
        ["converge", "--format", "json"],
        ["reconcile", "--manifests", "loose.yaml"],
    ],
    ids=" ".join,
)
def test_a_root_without_agents_is_no_clean_one(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.agentpol").write_text("edition 2026\n")
    (tmp_path / "loose.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    assert main(words) == 2
    shown = capsys.readouterr()
    assert "`policies` declares no agent" in shown.err
    assert not shown.out


@pytest.mark.parametrize("verb", ["check", "list", "converge", "threats list", "prove"])
def test_the_root_is_an_argument_or_an_option_and_not_both(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = verb.split()
    for more in (["none"], ["--root", "none"], ["--root=none"]):
        assert main([*words, *more]) == 2
        assert "there is no policy root `none`" in capsys.readouterr().err
    assert main(words) == 2
    assert "there is no policy root `policies`" in capsys.readouterr().err
    for more in (["none", "--root", "other"], ["--root", "other", "none"]):
        with pytest.raises(SystemExit) as stopped:
            main([*words, *more])
        assert stopped.value.code == 2
        assert "is given twice" in capsys.readouterr().err
