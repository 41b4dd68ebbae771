"""Each standard assertion lets a plain use pass and finds the abuse that it is about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.samples import ROOT

from policyc.pipeline.judge import judge
from policyc.semantics.standard import PREFIX, standard_names

CASES = ROOT / "tests" / "cases" / "standard"
DAY = date(2026, 9, 1)
NAMES = [name.removeprefix(PREFIX) for name in standard_names()]


def test_there_are_enough_and_each_has_its_case() -> None:
    assert len(NAMES) >= 40
    assert {path.stem for path in CASES.glob("*.agentpol")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_good_agent_passes_and_the_bad_one_does_not(name: str, tmp_path: Path) -> None:
    (tmp_path / "case.agentpol").write_bytes((CASES / f"{name}.agentpol").read_bytes())
    judged = judge(tmp_path, as_of=DAY, jobs=1)
    assert {d.code for d in judged.faults} == {"PC3141"}  # the case asserts nothing itself
    assert not [r.claim.name for r in judged.rulings if r.agent == "good" and r.fails]
    failing = {r.claim.name for r in judged.rulings if r.agent == "bad" and r.fails}
    assert f"{PREFIX}{name}" in failing
