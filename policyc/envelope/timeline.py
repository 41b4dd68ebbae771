"""An envelope over all days from one on: constant between the days on which something ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from policyc.envelope.model import Envelope

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The days ``first`` to ``last``, both included, as YYYY-MM-DD in UTC; ``last`` empty: for good."""

    first: str
    last: str = ""

    def __contains__(self, day: str) -> bool:
        return self.first <= day and (not self.last or day <= self.last)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}" if self.last else f"from {self.first} on"


def periods(envelopes: Iterable[Envelope], as_of: str) -> tuple[Period, ...]:
    """The days from ``as_of`` on, cut where any of the envelopes changes."""
    ends = {e.until for envelope in envelopes for e in envelope.expiries if e.until >= as_of}
    firsts = [as_of, *(day_after(day) for day in sorted(ends))]
    return (*(Period(a, day_before(b)) for a, b in pairwise(firsts)), Period(firsts[-1]))


def merged(pieces: Iterable[Period]) -> Iterator[Period]:
    """Periods that touch, as one."""
    held: Period | None = None
    for piece in pieces:
        if held is not None and held.last and day_after(held.last) == piece.first:
            held = Period(held.first, piece.last)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def day_of(moment: datetime) -> str:
    """The day (UTC) that a moment with a time zone lies in: a day's last second is 23:59:59 UTC.

    The one place where a clock becomes a day: what ends then ends for every command and for
    the webhook at the same second.
    """
    return moment.astimezone(UTC).date().isoformat()


def day_after(day: str) -> str:
    return (date.fromisoformat(day) + _DAY).isoformat()


def day_before(day: str) -> str:
    return (date.fromisoformat(day) - _DAY).isoformat()
