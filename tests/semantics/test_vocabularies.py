"""A word that is not in its vocabulary: the vocabulary is shown, or it is said that there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.semantics.check import check
from policyc.semantics.load import load


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class a {\n  cap {\n    kube read on pods\n  }\n}\n", "known are approve, attest, bind"),
        ("class a {\n  tier low\n}\n", "`tiers low < "),
        ("tiers calm < brisk\nclass a {\n  tier low\n}\n", "known are brisk, calm"),
    ],
)
def test_the_vocabulary_is_shown(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.agentpol").write_text(f"edition 2026\n{text}", encoding="utf-8")
    (found,) = [d for d in check(load(tmp_path).value).diagnostics if d.code == "PC2011"]
    assert said in (found.help or "")


@pytest.mark.parametrize("days", ["3651", "9" * 21, "9" * 5000])
def test_a_duration_that_nothing_lasts_is_refused(days: str, tmp_path: Path) -> None:
    for line in (f"window w {{\n  at least {days}d\n}}", f"window w {{\n  quiet for {days}d\n}}"):
        (tmp_path / "p.agentpol").write_text(f"edition 2026\n{line}\n", encoding="utf-8")
        (found,) = check(load(tmp_path).value).diagnostics
        assert (found.code, found.help) == ("PC3012", "write at most 3650d")
        assert len(found.message) < 100
    (tmp_path / "p.agentpol").write_text("edition 2026\nwindow w {\n  at least 3650d\n}\n")
    assert check(load(tmp_path).value).diagnostics == []
