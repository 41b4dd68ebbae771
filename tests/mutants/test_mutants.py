"""Seeded bugs: each is caught by the build's self-check, the proofs or the laws, as the page says."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from support.mutants.mutation import Finding, Judge, judged, source_of
from support.mutants.table import MUTATIONS
from support.samples import ROOT

PAGE = ROOT / "docs" / "explanation" / "seeded-bugs.md"
HEADS = ("| bug | module | build | prove | laws |", "|---|---|---|---|---|")
LEAST = 40
ROOMS = (
    "policyc.emit.network_policy",
    "policyc.emit.seccomp",
    "policyc.emit.rbac",
    "policyc.emit.pod_security",
    "policyc.envelope",
    "policyc.lower",
    "policyc.lower.generalise",
    "policyc.semantics",
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_each_is_an_edit_of_the_source_as_it_is(mutation: object) -> None:
    """INVARIANT: its text stands there exactly once, and what comes out is another program."""
    (one,) = [m for m in MUTATIONS if m is mutation]
    source = source_of(one.module).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(one.applied(source))) != ast.dump(ast.parse(source))


def test_there_are_enough_and_in_every_room() -> None:
    assert len(MUTATIONS) >= LEAST
    spread = Counter(room for m in MUTATIONS for room in ROOMS if m.module.startswith(room))
    assert min(spread[room] for room in ROOMS) > 1


@pytest.mark.system  # libseccomp makes the filters that are proved
def test_every_seeded_bug_is_caught_as_the_page_says(golden: bool) -> None:
    as_it_is, found = judged(MUTATIONS)
    assert as_it_is == {}  # who cries without a bug shows nothing with one
    text = PAGE.read_text(encoding="utf-8")
    before, old, after = text.partition(HEADS[0])
    assert old
    _, _, rest = after.partition("\n\n")
    table = "\n".join((*HEADS, *(row(name, found[name]) for name in found)))
    if golden:
        PAGE.write_text(f"{before}{table}\n\n{rest}", encoding="utf-8")
    else:
        kept = (old + after[: len(after) - len(rest)]).rstrip("\n")
        assert table.splitlines() == kept.splitlines()
    survivors = {name for name, caught in found.items() if not caught}
    explained = {line.split("`")[1] for line in rest.splitlines() if line.startswith("- `")}
    assert survivors == explained
    assert len(found) - len(survivors) >= LEAST


def row(name: str, caught: Finding) -> str:
    """A row of the page's table."""
    (one,) = [m for m in MUTATIONS if m.name == name]
    cells = ["caught" if judge in caught else "" for judge in Judge]
    module = one.module.removeprefix("policyc.")
    return f"| `{name}`: {one.says} | `{module}` | " + " | ".join(cells) + " |"
