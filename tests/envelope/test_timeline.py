"""Pieces of time: each day lies in one, and an envelope does not change within one."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.agents import policy

from policyc.envelope.observation import Observed
from policyc.envelope.timeline import Period, day_after, merged, periods
from policyc.lower import lower

START = date(2026, 9, 1)
OFFSETS = st.lists(st.integers(0, 20), max_size=4)


@given(OFFSETS)
def test_an_envelope_on_a_later_day_is_the_one_that_is_lowered_then(offsets: list[int]) -> None:
    """INVARIANT of prove and diff: ``on`` is lowering at the day, in every domain."""
    ends = [START + timedelta(days=n) for n in offsets]
    lines = "\n".join(
        f'allow egress tcp {port} to cidr 192.0.2.0/{24 + port} until {end} because "x"'
        for port, end in enumerate(ends, start=1)
    )
    checked = policy(lines=lines + '\nallow egress tcp 2 to cidr 192.0.2.0/27 because "y"')
    agent = checked.agents[0]
    first = lower(agent, Observed(()), checked, as_of=START).value
    pieces = periods([first], str(START))
    assert [p.first for p in pieces[1:]] == [day_after(p.last) for p in pieces[:-1]]
    assert pieces[-1].last == ""
    for n in range(22):
        day = START + timedelta(days=n)
        (piece,) = [p for p in pieces if str(day) in p]
        then = lower(agent, Observed(()), checked, as_of=day).value
        assert first.on(piece.first).domains == then.domains, day


def test_neighbours_are_one_period() -> None:
    apart = [Period("2026-01-01", "2026-01-31"), Period("2026-02-01", "2026-02-28")]
    assert list(merged(apart)) == [Period("2026-01-01", "2026-02-28")]
    later = Period("2026-03-02")
    assert list(merged([*apart, later])) == [Period("2026-01-01", "2026-02-28"), later]
    assert list(merged([])) == []
