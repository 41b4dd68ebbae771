"""The rules of the language on small policies that say where they break them.

A line of a case ends with ``# CODE...`` for each diagnostic that stands on it, and with
``# see CODE...`` where a diagnostic shows it as its second place.  Nothing else is said.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from policyc.core.diagnostics import Diagnostic
from policyc.semantics.check import check
from policyc.semantics.load import load

CASES = Path(__file__).parents[1] / "cases" / "semantics"
NAMES = sorted(path.stem for path in CASES.glob("*.agentpol"))
MARK = re.compile(r"# (see )?(PC\d{4}(?: PC\d{4})*)$")


def findings(name: str, root: Path) -> list[Diagnostic]:
    shutil.copy(CASES / f"{name}.agentpol", root)
    shutil.copy(CASES / "cluster.yaml", root)
    workspace = load(root)
    return [*workspace.diagnostics, *check(workspace.value).diagnostics]


def marked(name: str) -> tuple[Counter[tuple[int, str]], set[tuple[int, str]]]:
    """The diagnostics that the case's comments announce, and their second places, by line."""
    first: Counter[tuple[int, str]] = Counter()
    second: set[tuple[int, str]] = set()
    text = (CASES / f"{name}.agentpol").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if match := MARK.search(line):
            places = [(number, code) for code in match[2].split()]
            second.update(places) if match[1] else first.update(places)
    return first, second


@pytest.mark.parametrize("name", NAMES)
def test_exactly_the_marked_lines_are_reported(name: str, tmp_path: Path) -> None:
    found = findings(name, tmp_path)
    first, second = marked(name)
    assert Counter((d.span.begin.line, d.code) for d in found if d.span is not None) == first
    assert {(r.span.begin.line, d.code) for d in found for r in d.related} == second
    assert all(d.span is not None and d.help for d in found)
