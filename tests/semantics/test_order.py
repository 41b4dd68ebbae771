"""What a policy root says does not depend on the order in which its files are read."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.samples import ROOT

from policyc.core.diagnostics import Diagnostic, Outcome
from policyc.core.render import render_json
from policyc.semantics.check import check
from policyc.semantics.load import Workspace, load
from policyc.semantics.model import CheckedPolicy

CASES = sorted((ROOT / "tests" / "cases" / "semantics").glob("*.agentpol"))


def shuffled(workspace: Workspace, rng: random.Random) -> Workspace:
    paths = rng.sample(sorted(workspace.files), len(workspace.files))
    return replace(
        workspace,
        files={path: workspace.files[path] for path in paths},
        aliases={path: workspace.aliases[path] for path in reversed(paths)},
    )


def said(diagnostics: list[Diagnostic]) -> str:
    """Everything that a reader sees, second places and help included."""
    return render_json(diagnostics)


def same(one: Outcome[CheckedPolicy], other: Outcome[CheckedPolicy]) -> bool:
    return one.value == other.value and said(one.diagnostics) == said(other.diagnostics)


@pytest.mark.parametrize("seed", range(8))
def test_the_sample_policies_in_any_order(seed: int) -> None:
    workspace = load(ROOT / "policies").value
    other = shuffled(workspace, random.Random(seed))
    assert same(check(other), check(workspace))


@pytest.mark.parametrize("seed", range(8))
def test_contradictions_between_files_in_any_order(seed: int, tmp_path: Path) -> None:
    """All the wrong policies in one root: every name of theirs is declared several times."""
    for path in CASES:
        shutil.copy(path, tmp_path)
    shutil.copy(CASES[0].parent / "cluster.yaml", tmp_path)
    workspace = load(tmp_path).value
    expected = check(workspace)
    assert len({d.file for d in expected.diagnostics}) == len(CASES)
    assert {"PC2002", "PC3006"} <= {d.code for d in expected.diagnostics}
    assert same(check(shuffled(workspace, random.Random(seed))), expected)
