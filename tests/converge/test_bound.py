"""The figures: against brute force, against known truth, and as laws."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recordings import Family, family

from policyc.converge.bound import (
    LARGEST_UNCOVERED,
    RISK,
    calibration,
    expected_new,
    once,
    quiet_runs_needed,
    series,
    uncovered_limit,
)

Runs = list[frozenset[str]]
RUNS = st.lists(st.frozensets(st.sampled_from("abcdef")), max_size=7)
FAMILIES = 200
LEAST_QUIET = quiet_runs_needed([])
"""No limit suffices earlier, whatever the runs."""


def new_of_one(runs: Runs, chosen: tuple[int, ...], one: int) -> int:
    known = frozenset[str]().union(*(runs[i] for i in chosen))
    return len(runs[one] - known)


@given(RUNS)
def test_the_series_is_the_mean_over_all_choices(runs: Runs) -> None:
    for point in series(runs):
        picks = list(combinations(range(len(runs)), point.runs))
        estimates = [Fraction(once([runs[i] for i in pick]), point.runs) for pick in picks]
        outcomes = [
            new_of_one(runs, pick, one)
            for pick in picks
            for one in range(len(runs))
            if one not in pick
        ]
        assert point.predicted == sum(estimates) / len(estimates)
        assert point.actual == Fraction(sum(outcomes), len(outcomes))


@given(RUNS.filter(bool))
def test_the_estimate_is_what_leaving_one_out_shows(runs: Runs) -> None:
    """Each run against the others: Good's f1/k is the mean of what it alone has."""
    everyone = tuple(range(len(runs)))
    alone = [
        new_of_one(runs, tuple(i for i in everyone if i != one), one) for one in range(len(runs))
    ]
    assert expected_new(runs) == Fraction(sum(alone), len(runs))


def test_nothing_is_said_without_a_run() -> None:
    assert expected_new([]) is None
    assert series([]) == series([frozenset("a")]) == ()
    assert uncovered_limit([]) == uncovered_limit([frozenset("a")]) == 1.0
    assert calibration([frozenset("a")] * 8) is None


@given(RUNS)
def test_the_limit_falls_with_quiet_runs_and_rises_with_news(runs: Runs) -> None:
    before = uncovered_limit(runs)
    assert 0 < before <= 1
    assert uncovered_limit([*runs, frozenset()]) <= before
    assert uncovered_limit([*runs, frozenset({"new"})]) == 1.0


@given(RUNS)
def test_so_many_quiet_runs_are_needed_and_no_fewer(runs: Runs) -> None:
    more = quiet_runs_needed(runs)
    assert uncovered_limit(runs + [frozenset()] * more) <= LARGEST_UNCOVERED
    assert more > 0
    assert uncovered_limit(runs + [frozenset()] * (more - 1)) > LARGEST_UNCOVERED


@pytest.mark.parametrize(("novel", "quiet"), [(1, 94), (2, 107), (10, 154)])
def test_the_price_of_certainty(novel: int, quiet: int) -> None:
    news = [frozenset({str(i)}) for i in range(novel)]
    assert quiet_runs_needed(news) == quiet


def test_the_limits_hold_together_m29() -> None:
    """The chance that any limit of a path is wrong, worked out exactly for one rare item.

    With one item of probability p beside a constant one, the limit is wrong at the first time
    that it falls below p before the item came: after m quiet runs, so with (1-p)^m.
    """
    for chance in (0.05, 0.051, 0.1, 0.3, 0.7):
        quiet = 1
        while uncovered_limit([frozenset("a")] * (quiet + 1)) >= chance:
            quiet += 1
        assert (1 - chance) ** quiet <= RISK / 6 + 1e-12  # the weight after one run with news


def sequences(seed: int, runs: int) -> list[tuple[Family, Runs]]:
    rng = random.Random(seed)
    found = []
    for _ in range(FAMILIES):
        one = family(rng)
        found.append((one, [one.draw(rng) for _ in range(runs)]))
    return found


def test_predicted_and_actual_agree_from_eight_runs_on_m29() -> None:
    """On 200 families with known truth: each by all choices, all together against the truth."""
    misses: dict[int, list[float]] = {}
    for one, runs in sequences(29, 16):
        for point in series(runs):
            if point.runs >= 8:
                assert abs(point.predicted - point.actual) <= Fraction(1, 2)
        for k in range(8, 16):
            known = frozenset[str]().union(*runs[:k])
            estimate = expected_new(runs[:k])
            assert estimate is not None
            misses.setdefault(k, []).append(float(estimate) - one.new_items(known))
    for k, found in misses.items():
        assert abs(sum(found)) / len(found) <= 0.5, k  # the estimate leans to neither side
        assert sum(map(abs, found)) / len(found) <= 0.5, k


def test_converged_is_calibrated_m29() -> None:
    """Whoever looks after every run and believes the first limit that suffices is seldom wrong."""
    wrong = said = 0
    uncovered = []
    for one, runs in sequences(18, 400):
        known: frozenset[str] = frozenset()
        quiet = 0
        for k, run in enumerate(runs, start=1):
            quiet = 0 if run - known else quiet + 1
            known |= run
            if quiet >= LEAST_QUIET and uncovered_limit(runs[:k]) <= LARGEST_UNCOVERED:
                truth = one.uncovered(known)
                said += 1
                uncovered.append(truth)
                wrong += truth > LARGEST_UNCOVERED
                break
    assert said >= FAMILIES // 2  # the test is about something
    assert wrong <= RISK * said
    assert sum(uncovered) / said <= LARGEST_UNCOVERED


def test_a_limit_for_a_fixed_number_would_not_survive_looking_every_day() -> None:
    """The rule of three, believed at the first time it suffices, is wrong far more often than 1 in 20."""
    rng = random.Random(5)
    one = Family((1.0, *[0.06 / 8] * 8))
    quiet_needed = math.ceil(math.log(RISK) / math.log(1 - LARGEST_UNCOVERED))
    naive = ours = 0
    for _ in range(400):
        known: frozenset[str] = frozenset()
        runs: Runs = []
        streak = 0
        is_naive = is_ours = False
        while len(runs) < 250 and one.uncovered(known) > LARGEST_UNCOVERED:
            runs.append(one.draw(rng))
            streak = 0 if runs[-1] - known else streak + 1
            known |= runs[-1]
            still = one.uncovered(known) > LARGEST_UNCOVERED
            is_naive |= still and streak >= quiet_needed
            is_ours |= still and uncovered_limit(runs) <= LARGEST_UNCOVERED
        naive += is_naive
        ours += is_ours
    assert ours <= RISK * 400
    assert naive > RISK * 400


@given(st.lists(st.frozensets(st.sampled_from("abcdefgh")), min_size=9, max_size=14))
def test_the_calibration_is_a_prediction_ahead_of_each_run(runs: Runs) -> None:
    measured = calibration(runs)
    assert measured is not None
    pairs = [
        (Fraction(once(runs[:k]), k), new_of_one(runs, tuple(range(k)), k))
        for k in range(8, len(runs))
    ]
    assert measured.compared == len(pairs)
    assert measured.predicted == sum(p for p, _ in pairs) / len(pairs)
    assert measured.actual == Fraction(sum(a for _, a in pairs), len(pairs))


@given(st.lists(st.frozensets(st.sampled_from("abcdef")), min_size=9, max_size=10))
@settings(max_examples=5)
def test_without_an_order_the_calibration_is_the_mean_over_all(runs: Runs) -> None:
    """Over a sample of the orders: the mean of nearly all of them is the mean of all."""
    rng = random.Random(0)
    orders = [rng.sample(runs, len(runs)) for _ in range(1500)]
    drawn = [calibration(order) for order in orders]
    exact = calibration(runs, in_order=False)
    assert exact is not None
    assert not exact.in_order
    for ours, theirs in (
        (exact.predicted, [c.predicted for c in drawn if c is not None]),
        (exact.actual, [c.actual for c in drawn if c is not None]),
    ):
        assert abs(float(ours) - float(sum(theirs)) / len(theirs)) < 0.1
