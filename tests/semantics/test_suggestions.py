"""A name with one wrong character is reported where it stands, with the right name."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.references import Reference, references, typos
from support.samples import ROOT

from policyc.core.diagnostics import Diagnostic
from policyc.semantics.check import check
from policyc.semantics.load import load

POLICIES = ROOT / "policies"
EACH = 16
"""Typos in one line, of all four kinds."""


@dataclass(frozen=True, slots=True)
class Typo:
    at: Reference
    written: str

    def __str__(self) -> str:
        return f"{self.at.kind} {self.at.text} -> {self.written}"


def hides(at: Reference) -> str:
    """What a wrong name may silence; typos that silence the same do not silence each other."""
    if at.kind in ("Import.path", "Class.parent"):
        return at.kind
    return "body" if at.opens_block else "line"


def batches(rng: random.Random) -> Iterator[list[Typo]]:
    """Typos that do not hide each other; a name once a file and kind, at most EACH a line."""
    workspace = load(POLICIES).value
    groups: dict[str, dict[tuple[str, int], list[Typo]]] = {}
    known = {(r.path, r.kind, r.text): r for r in references(workspace, check(workspace).value)}
    for at in known.values():
        made = groups.setdefault(hides(at), {}).setdefault((at.path, at.line), [])
        made += [Typo(at, typo) for typo in typos(rng, at.text) if not at.means(typo)]
    for lines in groups.values():
        chosen = [rng.sample(made, min(EACH, len(made))) for made in lines.values()]
        for i in range(EACH):
            yield [made[i] for made in chosen if i < len(made)]


def write(batch: list[Typo], root: Path) -> None:
    """The sample policies with all the typos in them."""
    shutil.copytree(POLICIES, root)
    for path in {typo.at.path for typo in batch}:
        text = (POLICIES / path).read_text(encoding="utf-8")
        for typo in sorted((t for t in batch if t.at.path == path), key=lambda t: -t.at.start):
            text = text[: typo.at.start] + typo.written + text[typo.at.end :]
        (root / path).write_text(text, encoding="utf-8")


def answered(batch: list[Typo], root: Path) -> Iterator[tuple[Typo, list[Diagnostic]]]:
    """Each typo with what is said about its line."""
    write(batch, root)
    workspace = load(root)
    found = [*workspace.diagnostics, *check(workspace.value).diagnostics]
    for typo in batch:
        line = typo.at.line
        yield (
            typo,
            [d for d in found if d.file == typo.at.path and d.span and d.span.begin.line == line],
        )
    shutil.rmtree(root)


def is_right(typo: Typo, found: list[Diagnostic]) -> bool:
    """Whether the first suggestion is the name that was meant."""
    name = typo.at.text.strip('"')
    return any((d.help or "").startswith(f"did you mean `{name}`?") for d in found)


def test_the_first_suggestion_is_the_right_name(tmp_path: Path) -> None:
    rng = random.Random(2026)
    answers = [a for batch in batches(rng) for a in answered(batch, tmp_path / "policies")]
    assert len(answers) > 1500
    assert not [str(typo) for typo, found in answers if not found]
    wrong = [typo for typo, found in answers if not is_right(typo, found)]
    share = 1 - len(wrong) / len(answers)
    print(f"{len(answers)} typos, first suggestion right in {share:.2%}")
    assert share >= 0.95, Counter(typo.at.kind for typo in wrong)
