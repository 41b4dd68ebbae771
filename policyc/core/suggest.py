"""The nearest real name for one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap of neighbours) from ``a`` to ``b``; limit + 1 when more.

    Optimal string alignment, O(len(a) * limit).
    """
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        last, row, older = row, [i], before
        for j, y in enumerate(b, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        before = last
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def closest(word: str, candidates: Iterable[str], most: int = 3) -> list[str]:
    """The candidates within about a third of the word's length of edits, nearest first.

    Ties go to the candidate of the same letters (two were swapped), then to the one
    that shares the longer beginning, then by name.
    """
    limit = max(1, (len(word) + 1) // 3)
    lower = word.lower()
    letters = sorted(lower)
    ranked: list[tuple[int, bool, int, str]] = []
    for candidate in set(candidates):
        other = candidate.lower()
        edits = distance(lower, other, limit)
        if edits <= limit and candidate != word:
            ranked.append((edits, sorted(other) != letters, -_common(lower, other), candidate))
    return [candidate for *_, candidate in sorted(ranked)[:most]]


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """A help line, or None when nothing is near."""
    near = closest(word, candidates, most=1)
    return f"did you mean `{near[0]}`?" if near else None


def _common(a: str, b: str) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
