"""Recordings that cannot be, and recordings that can."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.recordings import call, profile, run, steady, time

from policyc.converge.faults import faults
from policyc.profiles.base import AgentProfile, Run

SEEN = {"syscalls": [call("read")]}


def codes(*profiles: AgentProfile) -> list[str]:
    found = faults([(f"{i}.json", p) for i, p in enumerate(profiles)])
    assert all(d.help and d.path for d in found)
    return [d.code for d in found]


def seen_at(first: str, last: str) -> AgentProfile:
    one = steady(2)
    (item,) = one.items["syscalls"]
    return replace(one, items={"syscalls": (replace(item, first_seen=first, last_seen=last),)})


def test_an_honest_recording_has_no_fault() -> None:
    assert codes(steady(50)) == []
    assert codes(seen_at(time(0), time(10))) == []
    assert codes(seen_at("", "")) == []


@pytest.mark.parametrize(
    "recorded",
    [
        steady(1, start=time(3), end=time(2)),
        seen_at(time(5), time(4)),
        seen_at(time(-1), time(4)),
        seen_at(time(1), time(300)),
    ],
    ids=["a run", "an item", "before its runs", "after its runs"],
)
def test_time_does_not_go_backwards(recorded: AgentProfile) -> None:
    assert codes(recorded) == ["PC3211"]


def by(name: str, at: float, **fields: object) -> AgentProfile:
    """One run of six hours, by a tool."""
    one: Run = replace(run(0), id=f"{name}-{at}", start=time(at), end=time(at + 6), **fields)  # type: ignore[arg-type]  # names of its fields
    return profile([one], [SEEN], tool_name=name)


def test_one_life_recorded_by_two_tools_is_no_two_runs() -> None:
    assert codes(by("a", 0), by("b", 3)) == ["PC3212"]
    assert codes(by("b", 3), by("a", 0)) == ["PC3212"]
    assert codes(by("a", 0), by("b", 3, node="")) == ["PC3212"]


def test_what_is_no_overlap() -> None:
    assert codes(by("a", 0), by("b", 6)) == []  # one after the other
    assert codes(by("a", 0), by("b", 3, node="node-b")) == []  # two nodes
    assert codes(by("a", 0), by("a", 3)) == []  # replicas
    other = replace(by("b", 3), items={"tools": ()})
    assert codes(by("a", 0), other) == []  # another domain


def test_a_run_has_one_window() -> None:
    one = steady(2)
    longer = replace(one, runs=(replace(one.runs[0], end=time(99)), one.runs[1]))
    assert codes(one, longer) == ["PC3212"]
    assert codes(one, one) == []
