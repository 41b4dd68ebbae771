"""The distance of two names, against its definition, and what is suggested."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from policyc.core.suggest import closest, did_you_mean, distance

WORDS = st.text("abc-", max_size=7)


@cache
def by_definition(a: str, b: str) -> int:
    """Optimal string alignment by its recursion: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance."""
    if not a or not b:
        return len(a) + len(b)
    least = min(
        by_definition(a[1:], b) + 1,
        by_definition(a, b[1:]) + 1,
        by_definition(a[1:], b[1:]) + (a[0] != b[0]),
    )
    if a[:2] == b[:2][::-1] and len(a) > 1 and len(b) > 1:
        least = min(least, by_definition(a[2:], b[2:]) + 1)
    return least


@given(WORDS, WORDS, st.integers(0, 8))
def test_the_distance_is_the_defined_one_up_to_the_limit(a: str, b: str, limit: int) -> None:
    assert distance(a, b, limit) == min(by_definition(a, b), limit + 1)


@given(WORDS, st.lists(WORDS, max_size=8), st.integers(1, 4))
def test_the_nearest_come_first_and_the_far_ones_not_at_all(
    word: str, names: list[str], most: int
) -> None:
    near = closest(word, names, most)
    limit = max(1, (len(word) + 1) // 3)
    fitting = {n for n in names if n != word and by_definition(word, n) <= limit}
    assert set(near) <= fitting
    assert len(near) == min(most, len(fitting))
    edits = [by_definition(word, n) for n in near]
    assert edits == sorted(edits)
    assert all(by_definition(word, n) >= max(edits) for n in fitting - set(near))


@given(WORDS, st.lists(WORDS, max_size=8))
def test_the_order_of_the_candidates_is_no_matter(word: str, names: list[str]) -> None:
    assert closest(word, sorted(names)) == closest(word, sorted(names, reverse=True) * 2)


def test_ties_go_to_swapped_letters_then_to_the_longer_beginning() -> None:
    assert closest("ctp", ["sctp", "tcp"])[0] == "tcp"
    assert closest("reas", ["read", "seas"])[0] == "read"
    assert did_you_mean("GET", ["get", "set"]) == "did you mean `get`?"
    assert did_you_mean("elephant", ["get", "set"]) is None
    assert did_you_mean("get", ["get"]) is None
