"""One domain's verdict: what its runs say of the next one, and what speaks against believing it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from policyc.converge.bound import (
    FIRST_JUDGED,
    LARGEST_MISS,
    LARGEST_UNCOVERED,
    Calibration,
    Items,
    Point,
    calibration,
    expected_new,
    once,
    quiet_runs_needed,
    series,
    uncovered_limit,
)
from policyc.converge.evidence import AS_RECORDED, Evidence, lost
from policyc.converge.window import Demand
from policyc.converge.words import percent
from policyc.profiles.base import Run

TOGETHER = "together"
"""The row of all domains of the runs that saw system calls: what the next run brings at all."""

ANCHOR = "syscalls"
"""Nothing runs without system calls: a run that saw none was no recording of a container's life."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not converged, by its diagnostic code, and what to do about it."""

    code: str
    message: str
    help: str


@dataclass(frozen=True, slots=True)
class DomainVerdict:
    """One domain.  ``limit`` is the upper limit of the probability of anything new, in 0..1."""

    domain: str
    items: int
    runs: int
    once: int
    expected: Fraction | None
    limit: float
    series: tuple[Point, ...]
    calibration: Calibration | None
    reasons: tuple[Reason, ...]

    @property
    def converged(self) -> bool:
        return not self.reasons


def judged(evidence: Evidence, word: str, wanted: Demand) -> DomainVerdict:
    """One domain, of the runs that saw the whole of it."""
    counted = [run for run in evidence.runs if evidence.counts(run, word)]
    seen_by = evidence.seen_by.get(word, {})
    runs = [seen_by.get(run.id, frozenset()) for run in counted]
    unconfirmed = len(frozenset().union(*seen_by.values()) - frozenset().union(*runs))
    reasons = [
        *_partial(evidence, word, counted),
        *_new_items(word, runs, unconfirmed, wanted.rates.get(word)),
    ]
    items = len(frozenset().union(*seen_by.values()))
    return _row(word, items, runs, unconfirmed, reasons, _is_dated(counted))


def _row(
    word: str,
    items: int,
    runs: list[Items],
    unconfirmed: int,
    reasons: list[Reason],
    in_order: bool,
) -> DomainVerdict:
    measured = calibration(runs, in_order)
    if measured is not None and in_order and measured.miss > LARGEST_MISS:
        reasons.append(_drift(word, measured))
    return DomainVerdict(
        word,
        items,
        len(runs),
        once(runs),
        expected_new(runs, unconfirmed),
        uncovered_limit(runs),
        series(runs),
        measured,
        tuple(reasons),
    )


def together(evidence: Evidence, words: tuple[str, ...]) -> DomainVerdict:
    """What the next run of the container brings in any domain that its recorder saw whole."""
    counted = [
        run
        for run in evidence.runs
        if evidence.counts(run, ANCHOR)
        and not any(evidence.is_partial(run, word) for word in words)
    ]
    runs = [
        frozenset(
            f"{word}: {line}"
            for word in words
            for line in evidence.seen_by[word].get(run.id, frozenset())
        )
        for run in counted
    ]
    items = len(frozenset().union(*runs))
    return _row(
        TOGETHER, items, runs, 0, [*_new_items(TOGETHER, runs, 0, None)], _is_dated(counted)
    )


def as_recorded(evidence: Evidence) -> DomainVerdict:
    """Paths before they are typed: what learning without generalising would look like."""
    seen_by = evidence.seen_by[AS_RECORDED]
    counted = [run for run in evidence.runs if evidence.counts(run, AS_RECORDED)]
    runs = [seen_by.get(run.id, frozenset()) for run in counted]
    never = Reason(
        "PC3202",
        "file paths as they were recorded are never called converged",
        "the row `files` has them by type; it is the one that counts",
    )
    items = len(frozenset().union(*seen_by.values()))
    return _row(AS_RECORDED, items, runs, 0, [never], _is_dated(counted))


def _is_dated(runs: list[Run]) -> bool:
    """Whether the order of the runs is that of time, and not just that of their ids."""
    return all(run.start for run in runs)


def _partial(evidence: Evidence, word: str, counted: list[Run]) -> list[Reason]:
    reasons: list[Reason] = []
    losses = sum(lost(run, word) for run in evidence.runs)
    if losses:
        reasons.append(
            Reason(
                "PC3206",
                f"`{word}`: {losses} events were lost, so what is absent proves nothing",
                "record again with larger buffers, and leave the lossy runs out with `since`",
            )
        )
    unsure = [
        run for run in counted if run.coverage == "unknown" and run.id not in evidence.of_account
    ]
    if unsure:
        reasons.append(
            Reason(
                "PC3207",
                f"`{word}`: {len(unsure)} of {len(counted)} runs do not say whether they saw the "
                "start of a container's life",
                "record with a tool that says `from-creation` or `from-exec`",
            )
        )
    return reasons


def _new_items(
    word: str, runs: list[Items], unconfirmed: int, rate: Fraction | None
) -> list[Reason]:
    expected = expected_new(runs, unconfirmed)
    if expected is None:
        return [
            Reason(
                "PC3202",
                f"`{word}`: no run saw the whole of it",
                "record it from the start of a container's life; a run that attached late, lost "
                "events or missed a hook does not count",
            )
        ]
    if rate is not None and expected >= rate:
        return [
            Reason(
                "PC3202",
                f"`{word}`: the next run is expected to bring {float(expected):.2f} new items, and the "
                f"window asks for fewer than {float(rate):g}",
                f"{unconfirmed or 'no'} of them were seen by partial runs only; let more runs come",
            )
            if unconfirmed
            else _too_many(word, expected, rate)
        ]
    limit = uncovered_limit(runs)
    if limit > LARGEST_UNCOVERED:
        more = quiet_runs_needed(runs)
        return [
            Reason(
                "PC3202",
                f"`{word}`: the next run may bring something new with a probability of up to "
                f"{percent(limit)}, more than {percent(LARGEST_UNCOVERED)}",
                f"{more} more runs without anything new would do",
            )
        ]
    return []


def _too_many(word: str, expected: Fraction, rate: Fraction) -> Reason:
    return Reason(
        "PC3202",
        f"`{word}`: the next run is expected to bring {float(expected):.2f} new items, and the "
        f"window asks for fewer than {float(rate):g}",
        "let more runs come; if the figure does not fall, `policyc profile show` names what only one "
        "run saw",
    )


def _drift(word: str, measured: Calibration) -> Reason:
    return Reason(
        "PC3208",
        f"`{word}`: from run {FIRST_JUDGED} on {float(measured.predicted):.2f} new items per run were "
        f"predicted and {float(measured.actual):.2f} came",
        "the runs are not alike: start the window anew with `since` after the change",
    )
