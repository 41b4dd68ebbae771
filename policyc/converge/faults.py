"""Recordings that cannot be: time that goes backwards, one life recorded twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from policyc.core.diagnostics import Diagnostic
from policyc.profiles.base import AgentProfile, Item, Run, fault

_Labelled = tuple[str, AgentProfile]


def faults(profiles: Sequence[_Labelled]) -> list[Diagnostic]:
    """PC3211 and PC3212 of the profiles of one agent; quadratic in the number of files of other tools."""
    found = [f for label, profile in profiles for f in _backwards(label, profile)]
    return [*found, *_two_windows(profiles), *_twice(profiles)]


def _backwards(label: str, profile: AgentProfile) -> Iterator[Diagnostic]:
    for run in profile.runs:
        if run.start and run.end and run.end < run.start:
            yield _backward(label, f"run `{run.id}` ends at {run.end}, before its start")
    runs = {run.id: run for run in profile.runs}
    for items in profile.items.values():
        for item in items:
            yield from _misplaced(label, item, [runs[name] for name in sorted(item.runs)])


def _misplaced(label: str, item: Item, runs: list[Run]) -> Iterator[Diagnostic]:
    where = item.pointer or "an item"
    if item.first_seen and item.last_seen and item.last_seen < item.first_seen:
        yield _backward(label, f"`{where}` was last seen before it was first seen")
    starts = [run.start for run in runs]
    if item.first_seen and all(starts) and item.first_seen < min(starts):
        yield _backward(label, f"`{where}` was seen before any run that saw it began")
    ends = [run.end for run in runs]
    if item.last_seen and all(ends) and item.last_seen > max(ends):
        yield _backward(label, f"`{where}` was seen after every run that saw it had ended")


def _backward(label: str, message: str) -> Diagnostic:
    hint = "the recorder's clock jumped or the file was edited: record again"
    return fault(label, "PC3211", message, hint)


def _two_windows(profiles: Sequence[_Labelled]) -> Iterator[Diagnostic]:
    """A run that two files give different times: two recordings under one id, or one cut in two."""
    windows: dict[str, tuple[str, Run]] = {}
    for label, profile in profiles:
        for run in profile.runs:
            other, first = windows.setdefault(run.id, (label, run))
            if _window(first) != _window(run):
                yield fault(
                    label,
                    "PC3212",
                    f"run `{run.id}` lasts {_written(run)} here and {_written(first)} in `{other}`",
                    "an id names one recording: give each its own, or keep the later export",
                )


def _twice(profiles: Sequence[_Labelled]) -> Iterator[Diagnostic]:
    """Two tools that recorded the same domain on the same node at once: one life, counted twice."""
    for (a_label, a), (b_label, b) in combinations(profiles, 2):
        shared = sorted(a.items.keys() & b.items.keys())
        if a.tool == b.tool or a.subject != b.subject or not shared:
            continue
        pair = next(
            ((x, y) for x in a.runs for y in b.runs if x.id != y.id and _overlap(x, y)), None
        )
        if pair is not None:
            yield fault(
                b_label,
                "PC3212",
                f"run `{pair[1].id}` of {b.tool} overlaps run `{pair[0].id}` of {a.tool} in "
                f"`{a_label}`: both recorded {', '.join(shared)}",
                "one life of a container would count as two runs: learn from one of the tools",
            )


def _overlap(a: Run, b: Run) -> bool:
    is_one_node = not (a.node and b.node) or a.node == b.node
    return is_one_node and all((*_window(a), *_window(b))) and a.start < b.end and b.start < a.end


def _window(run: Run) -> tuple[str, str]:
    return (run.start, run.end)


def _written(run: Run) -> str:
    return f"from {run.start or 'no time'} to {run.end or 'no time'}"
