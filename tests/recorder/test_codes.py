"""The table of exit codes, against the codes."""

from __future__ import annotations

import re
import subprocess
import sys

from support.samples import ROOT

from recorder.errors import ExitCode

PAGE = ROOT / "docs/reference/recorder.md"


def test_each_code_has_a_line() -> None:
    table = PAGE.read_text().partition("## Exit codes")[2]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(
        ExitCode
    )


def test_the_usage_is_a_command_that_can_be_run() -> None:
    """No `recorder` is installed anywhere: the image runs the module, too."""
    asked = [sys.executable, "-m", "recorder", "--help"]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("usage: python -m recorder ")
