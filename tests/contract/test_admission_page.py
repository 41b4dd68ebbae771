"""The page on admission lists the reasons that the code knows."""

from __future__ import annotations

from support.samples import ROOT

from policyc.admission.reasons import REASONS

PAGE = ROOT / "docs" / "reference" / "admission.md"
HEAD = "| reason | what it means |\n|---|---|\n"


def test_every_reason_is_on_the_page(golden: bool) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, head, after = text.partition(HEAD)
    rows = "".join(f"| `{word}` | {meaning} |\n" for word, meaning in sorted(REASONS.items()))
    _, _, rest = after.partition("\n\n")
    expected = before + head + rows + (f"\n{rest}" if rest else "")
    if golden:
        PAGE.write_text(expected, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == expected
