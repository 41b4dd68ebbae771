"""The example of a page triggers the diagnostic that the page is about, in words that were reviewed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from policyc.core.diagnostics import Diagnostic, in_order
from policyc.core.render import render_text
from policyc.pipeline.judge import judge
from policyc.semantics.check import check
from policyc.semantics.load import load

REPOSITORY = Path(__file__).parents[2]
PAGES = REPOSITORY / "docs" / "reference" / "diagnostics"
MESSAGES = REPOSITORY / "tests" / "cases" / "messages"
EXAMPLE = re.compile(r"```agentpol\n(.*?)```", re.DOTALL)
EXAMPLES = {
    path.stem: match[1]
    for path in sorted(PAGES.glob("PC[123]*.md"))
    if (match := EXAMPLE.search(path.read_text(encoding="utf-8")))
}


PROVED = frozenset(code for code in EXAMPLES if "PC3141" <= code <= "PC3150")
"""What `policyc prove` finds; `check` judges the others."""


def checked(root: Path) -> list[Diagnostic]:
    workspace = load(root)
    return in_order([*workspace.diagnostics, *check(workspace.value).diagnostics])


def proved(root: Path) -> list[Diagnostic]:
    judged = judge(root, as_of=date(2026, 9, 1))
    return in_order([*judged.faults, *judged.findings])


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_triggers_its_code(code: str, tmp_path: Path, golden: bool) -> None:
    (tmp_path / "example.agentpol").write_text(EXAMPLES[code], encoding="utf-8")
    found = proved(tmp_path) if code in PROVED else checked(tmp_path)
    assert code in {d.code for d in found}, [(d.code, d.message) for d in found]
    expected = MESSAGES / f"{code}.txt"
    text = render_text(found, color=False)
    if golden:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_nearly_every_rule_of_the_language_has_an_example() -> None:
    assert len(EXAMPLES) >= 40


def test_no_message_is_left_of_an_example_that_is_gone() -> None:
    assert {path.stem for path in MESSAGES.glob("*.txt")} == EXAMPLES.keys()
