"""Every diagnostic has a page in one form, and every page a diagnostic."""

import re
from pathlib import Path

import pytest

from policyc.core.codes import CODES

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference" / "diagnostics"
FORM = re.compile(
    r"\A# (?P<code>PC\d{4}): (?P<title>[^\n]+)\n\n(?P<prose>.+?)\n\n"
    r"## Example\n\n(?P<example>.*?```.+?```.*?)\n\n## What to do\n\n(?P<remedy>.+)\n\Z",
    re.DOTALL,
)


def test_pages_and_codes_are_the_same_set() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_page_has_the_form(code: str) -> None:
    match = FORM.match((PAGES / f"{code}.md").read_text(encoding="utf-8"))
    assert match, "a page is: title, what it means, an example, what to do"
    assert match["code"] == code
    assert match["title"] == CODES[code]


def test_codes_are_sorted_and_raised_somewhere() -> None:
    assert list(CODES) == sorted(CODES)
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("policyc", "webhook")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "codes.py"
    )
    assert [code for code in CODES if f'"{code}"' not in text] == []
