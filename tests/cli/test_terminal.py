"""Names in recordings were chosen by who was recorded: no verb lets a terminal obey them."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from support.samples import ROOT

from policyc.cli.main import main

DATE = ("--as-of", "2026-09-01")
SEEN = "/tmp/pip-build/setup.py"
EVIL = "/tmp/\x1b]0;all is well\x07\r\n\u202eset\x9bup.py"


def _obeyed(text: str) -> set[str]:
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", made)
    return made


def test_names_of_a_recording(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = (f for f in root.glob("**/*.json") if SEEN in f.read_text())
    file.write_text(file.read_text().replace(json.dumps(SEEN), json.dumps(EVIL)))
    out = tmp_path / "out"
    said = ""
    for words in (
        ["compile", str(root), "--output", str(out), *DATE],
        ["why", f"{out}/code-runner/envelope.json", "--root", str(root)],
        ["profile", "show", str(file)],
        ["converge", str(root)],
        ["diff", str(ROOT / "generated"), str(out)],
    ):
        main(words)
        told = capsys.readouterr()
        assert not _obeyed(told.out + told.err), words
        said += told.out
    assert said.count("]0;all is well") > 2
