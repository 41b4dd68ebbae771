"""The example of a page triggers the diagnostic that the page is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policyc.semantics.check import check
from policyc.semantics.load import load

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "diagnostics"
EXAMPLE = re.compile(r"```agentpol\n(.*?)```", re.DOTALL)
WITH_EXAMPLE = sorted(
    path.stem
    for path in PAGES.glob("PC[123]*.md")
    if EXAMPLE.search(path.read_text(encoding="utf-8"))
)


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_example_triggers_its_code(code: str, tmp_path: Path) -> None:
    match = EXAMPLE.search((PAGES / f"{code}.md").read_text(encoding="utf-8"))
    assert match
    (tmp_path / "example.agentpol").write_text(match[1], encoding="utf-8")
    workspace = load(tmp_path)
    found = [*workspace.diagnostics, *check(workspace.value).diagnostics]
    assert code in {d.code for d in found}, [(d.code, d.message) for d in found]


def test_nearly_every_rule_of_the_language_has_an_example() -> None:
    assert len(WITH_EXAMPLE) >= 40
