"""What a window asks of recordings: the agent's, its class's and its tier's demands together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from policyc.semantics.model import CheckedAgent, CheckedPolicy, WindowSpec

DAY_SECONDS = 86_400
_SHORTEST_DAYS, _LONGEST_DAYS = 7, 28


@dataclass(frozen=True, slots=True)
class Demand:
    """The strictest of each number.  ``rates`` is by domain word, ``must_see`` by behaviour.

    ``seconds_by`` names the window or the tier that asks for the longest observation.
    """

    windows: tuple[str, ...]
    seconds: int
    sessions: int
    quiet_seconds: int
    rates: Mapping[str, Fraction]
    must_see: Mapping[str, int]
    seconds_by: str


def demand(agent: CheckedAgent, policy: CheckedPolicy) -> Demand:
    """What the window of the agent's `learn` line, that of its class, and its tier ask for."""
    learnt = agent.learning.window if agent.learning is not None else ""
    names = tuple(dict.fromkeys(n for n in (learnt, agent.window) if n))
    windows = [policy.windows[name] for name in names if name in policy.windows]
    longest = [
        *((w.least_seconds, f"window `{w.name}`") for w in windows),
        (tier_seconds(agent.tier, policy.tiers), _tier_of(agent)),
    ]
    seconds, seconds_by = max(longest, key=lambda pair: pair[0])
    return Demand(
        names,
        seconds,
        max([1, *(w.least_sessions for w in windows)]),
        max([0, *(w.quiet_seconds for w in windows)]),
        _least_rates(windows),
        _largest_counts(windows),
        seconds_by,
    )


def _tier_of(agent: CheckedAgent) -> str:
    return f"tier `{agent.tier}`" if agent.tier else "the longest tier, as the agent has none"


def tier_seconds(tier: str, tiers: tuple[str, ...]) -> int:
    """The shortest observation of a tier: 7 days for the least autonomous, 28 for the most.

    Between them in equal steps, in whole days; an agent without a tier is taken for the
    most autonomous.
    """
    rank = tiers.index(tier) if tier in tiers else len(tiers) - 1
    share = Fraction(rank, len(tiers) - 1) if len(tiers) > 1 else Fraction(1)
    return int(_SHORTEST_DAYS + (_LONGEST_DAYS - _SHORTEST_DAYS) * share) * DAY_SECONDS


def _least_rates(windows: list[WindowSpec]) -> dict[str, Fraction]:
    rates: dict[str, Fraction] = {}
    for window in windows:
        for domain, text in window.rates:
            rates[domain] = min(Fraction(text), rates.get(domain, Fraction(text)))
    return rates


def _largest_counts(windows: list[WindowSpec]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for window in windows:
        for rule in window.must_see:
            counts[rule.behaviour] = max(rule.count, counts.get(rule.behaviour, 0))
    return counts
