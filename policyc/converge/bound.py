"""What k runs say of the next one: the expected number of new items, and a limit that holds.

A run is a set of items.  Two figures are worked out of the runs so far:

- The expected number of new items in the next run is f1/k: items seen in exactly one of
  k runs, over k (Good 1953, Biometrika 40:237; for sets as draws, Chao and Colwell 2017,
  SORT 41:3).  It is an estimate: zero does not mean that nothing will come.
- An upper limit of the probability that the next run brings anything new.  While nothing
  new comes, the set of known items stays as it is, and so does that probability p: after
  the j-th run that brought something, m quiet runs in a row have the probability (1-p)^m.
  So the event "p is above 1-(delta*w)^(1/m) all the same" has at most the probability
  delta*w, and with weights w that sum to 1 over all j, whatever the number of runs and
  however often one looks, all limits hold together with the probability 1-delta.

Both assume that runs are drawn alike and independently; ``Calibration`` shows on the runs
themselves how far that is true.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

RISK = 0.05
"""The probability that a limit does not hold."""

LARGEST_UNCOVERED = 0.05
"""A domain has converged when the next run brings something new with at most this probability."""

FIRST_JUDGED = 8
"""Predictions from fewer runs than these are not compared with what came."""

LARGEST_MISS = Fraction(1, 2)
"""Items per run by which prediction and outcome may differ before drift is suspected."""

_POINTS = 12
"""Of longer series this many points are shown."""

Items = frozenset[str]


@dataclass(frozen=True, slots=True)
class Point:
    """After ``runs`` runs: new items of the next one, averaged over all choices of the runs.

    ``predicted`` is f1/k of the chosen runs, ``actual`` what one of the others then brings.
    """

    runs: int
    predicted: Fraction
    actual: Fraction


@dataclass(frozen=True, slots=True)
class Calibration:
    """Prediction and outcome a run ahead each time, from the eighth run on, as means per run.

    ``in_order``: of time.  Else over all orders, where nobody knows which is right: then it
    says how good predictions are, and cannot show that the runs changed.
    """

    compared: int
    predicted: Fraction
    actual: Fraction
    in_order: bool = True

    @property
    def miss(self) -> Fraction:
        return abs(self.predicted - self.actual)


def once(runs: Sequence[Items]) -> int:
    """How many items exactly one run saw: f1."""
    return sum(number == 1 for number in Counter(item for run in runs for item in run).values())


def expected_new(runs: Sequence[Items], unconfirmed: int = 0) -> Fraction | None:
    """f1/k; None without a run.  ``unconfirmed`` are items that none of these runs saw, and others did."""
    return Fraction(once(runs) + unconfirmed, len(runs)) if runs else None


def uncovered_limit(runs: Sequence[Items], risk: float = RISK) -> float:
    """The upper limit of the probability that the next run brings something new, in 0..1.

    ``runs`` are in order of time.  Linear in the number of items of all runs.
    """
    novel, quiet = _streak(runs)
    if quiet == 0:
        return 1.0
    weight = risk / ((novel + 1) * (novel + 2))  # 1/2 + 1/6 + 1/12 + ... = 1
    return -math.expm1(math.log(weight) / quiet)


def quiet_runs_needed(runs: Sequence[Items], risk: float = RISK) -> int:
    """How many more runs without anything new would bring the limit down to where it must be."""
    novel, quiet = _streak(runs)
    weight = risk / ((novel + 1) * (novel + 2))
    return max(0, math.ceil(math.log(weight) / math.log1p(-LARGEST_UNCOVERED)) - quiet)


def _streak(runs: Sequence[Items]) -> tuple[int, int]:
    """How many runs brought something new, and how many came after the last of them."""
    known: set[str] = set()
    novel = quiet = 0
    for run in runs:
        if run <= known:
            quiet += 1
        else:
            known |= run
            novel, quiet = novel + 1, 0
    return novel, quiet


def series(runs: Sequence[Items]) -> tuple[Point, ...]:
    """How the number of new items falls with the number of runs; empty for fewer than two runs.

    Exact: the means over all choices of k of n runs are ratios of binomial coefficients of
    the numbers of runs that saw an item.
    """
    total = len(runs)
    seen = Counter(Counter(item for run in runs for item in run).values())
    return tuple(Point(k, _mean(seen, total, k - 1), _mean(seen, total, k)) for k in _chosen(total))


def _mean(seen: Counter[int], total: int, chosen: int) -> Fraction:
    """The mean number of items of one run that none of ``chosen`` others saw.

    f1/k of k runs is what one of them has that the k-1 others lack, so this is both figures.
    """
    ways = math.comb(total - 1, chosen) * total
    return Fraction(
        sum(
            items * runs * math.comb(total - runs, chosen)
            for runs, items in seen.items()
            if total - runs >= chosen
        ),
        ways,
    )


def _chosen(total: int) -> list[int]:
    last = total - 1
    if last <= _POINTS:
        return list(range(1, last + 1))
    steps = {round(last ** (i / (_POINTS - 1))) for i in range(_POINTS)}
    return sorted(steps)


def calibration(runs: Sequence[Items], in_order: bool = True) -> Calibration | None:
    """f1/k against what the next run brought; None for too few runs."""
    if len(runs) <= FIRST_JUDGED:
        return None
    return _ahead(runs, FIRST_JUDGED) if in_order else _in_any_order(runs, FIRST_JUDGED)


def _in_any_order(runs: Sequence[Items], first: int) -> Calibration:
    total = len(runs)
    seen = Counter(Counter(item for run in runs for item in run).values())
    means = [_mean(seen, total, k) for k in range(first - 1, total)]
    compared = total - first
    return Calibration(
        compared,
        sum(means[:-1], Fraction(0)) / compared,
        sum(means[1:], Fraction(0)) / compared,
        False,
    )


def _ahead(runs: Sequence[Items], first: int) -> Calibration:
    seen: Counter[str] = Counter()
    singles, predicted, actual = 0, Fraction(0), 0
    for k, run in enumerate(runs):
        fresh = 0
        new = sum(item not in seen for item in run)
        if k >= first:
            predicted += Fraction(singles, k)
            actual += new
        for item in run:
            fresh += (seen[item] == 0) - (seen[item] == 1)
            seen[item] += 1
        singles += fresh
    compared = len(runs) - first
    return Calibration(compared, predicted / compared, Fraction(actual, compared))
