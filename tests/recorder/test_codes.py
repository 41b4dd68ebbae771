"""The table of exit codes, against the codes."""

from __future__ import annotations

import re

from support.samples import ROOT

from recorder.errors import ExitCode

PAGE = ROOT / "docs/reference/recorder.md"


def test_each_code_has_a_line() -> None:
    table = PAGE.read_text().partition("## Exit codes")[2]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(
        ExitCode
    )
