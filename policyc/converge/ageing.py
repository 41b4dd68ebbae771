"""Ageing: what has not been seen for the length of a window is dormant, until it is seen again.

Dormant is a word about evidence and takes nothing away: `reconcile` lists what is dormant,
and a later `since` in the `learn` line lets it go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from policyc.converge.evidence import AS_RECORDED, Evidence, Thing, Trace


def dormant(evidence: Evidence, seconds: int) -> tuple[Thing, ...]:
    """The things last seen more than ``seconds`` before the end of the last run, sorted.

    Only runs that could have seen a thing age it: time without a recording is no evidence.
    A thing whose time nobody knows does not age.
    """
    ends = {run.id: run.end for run in evidence.runs}
    horizons = {d: _horizon(evidence, d) for d in evidence.domains}
    return tuple(
        thing
        for thing, trace in sorted(evidence.traces.items())
        if thing.domain != AS_RECORDED
        and (seen := last_seen(trace, ends))
        and horizons[thing.domain]
        and elapsed(seen, horizons[thing.domain]) > seconds
    )


def last_seen(trace: Trace, ends: Mapping[str, str]) -> str:
    """When a thing was last seen: by its own time, else by the end of the last run that saw it."""
    return trace.last_seen or max((ends[run] for run in trace.runs), default="")


def elapsed(earlier: str, later: str) -> int:
    """Seconds between two RFC 3339 times; negative when they stand the other way round."""
    between = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return int(between.total_seconds())


def _horizon(evidence: Evidence, domain: str) -> str:
    return max((run.end for run in evidence.runs if evidence.counts(run, domain)), default="")
