"""Ageing: unseen things decay to dormant, seen ones come back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.agents import policy
from support.recordings import call, profile, run

from policyc.converge.ageing import dormant
from policyc.converge.evidence import gather
from policyc.profiles.base import AgentProfile

DAY = 86_400
POLICY = policy()
CALLS = ("read", "futex", "getpid")


def lines(recorded: AgentProfile, days: int, **fields: object) -> set[str]:
    found = dormant(gather([("p.json", recorded)], POLICY.agents[0], POLICY), days * DAY)
    return {thing.line.split()[1] for thing in found}


def daily(*days: frozenset[str], **fields: object) -> AgentProfile:
    """A run a day, each of which saw these calls and `read`."""
    seen = [{"syscalls": [call("read"), *map(call, sorted(names))]} for names in days]
    return profile([run(i, 24, **fields) for i in range(len(days))], seen)


NOTHING = frozenset[str]()
FUTEX = frozenset({"futex"})


def test_unseen_for_the_window_is_dormant_and_seen_again_it_comes_back_m39() -> None:
    week = [FUTEX, *[NOTHING] * 7]
    assert lines(daily(*week), 7) == set()
    assert lines(daily(*week, NOTHING), 7) == {"futex"}
    assert lines(daily(*week, NOTHING, FUTEX), 7) == set()


def test_time_without_a_recording_ages_nothing_m39() -> None:
    late = profile([run(0, 24), run(40, 24, coverage="attached-late")], [{"syscalls": [call("read"), call("futex")]}, {"syscalls": [call("read")]}])  # fmt: skip
    assert lines(late, 7) == set()


@given(st.lists(st.frozensets(st.sampled_from(CALLS[1:])), min_size=1, max_size=12))
def test_dormant_is_what_the_last_days_did_not_see_m39(days: list[frozenset[str]]) -> None:
    for window in (1, 3, 7):
        expected = {
            name
            for name in frozenset().union(*days)
            if len(days) - 1 - max(i for i, names in enumerate(days) if name in names) > window
        }
        assert lines(daily(*days), window) == expected


@given(st.lists(st.frozensets(st.sampled_from(CALLS[1:])), min_size=1, max_size=8))
def test_nothing_is_forgotten_m39(days: list[frozenset[str]]) -> None:
    """A dormant thing stays evidence: it is listed, and it comes back with the next run that sees it."""
    sleeping = lines(daily(*days, *[NOTHING] * 9), 7)
    assert sleeping == set().union(*days)
    for name in sleeping:
        again = lines(daily(*days, *[NOTHING] * 9, frozenset({name})), 7)
        assert again == sleeping - {name}
