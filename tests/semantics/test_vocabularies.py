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
