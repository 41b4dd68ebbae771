"""What an agent's grants are cut to, domain by domain, with the lines that say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Region
from policyc.semantics.model import CheckedAgent, Clause
from policyc.semantics.protected import protected
from policyc.semantics.rules.agents import CALL_DOMAINS


class Cut(NamedTuple):
    """What a limit does to an observed region.

    ``inside`` is granted; ``is_outside`` says that the cap leaves something out.
    ``is_protected``: it holds protected points that no ``allow`` line names.  ``takers``
    are the lines that take something of it away.
    """

    inside: Region
    is_outside: bool
    is_protected: bool
    takers: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """One domain: within ``cap``, outside of ``taken``; protected points only where ``named``.

    ``cap`` is empty where no root class mentions the domain.  ``named`` is what the
    agent's ``allow`` lines that stand today grant.
    """

    cap: Region
    is_mentioned: bool
    takers: tuple[Clause, ...]
    taken: Region
    named: Region

    def inside(self, region: Region) -> Region:
        """What is left of a region that an ``allow`` line names."""
        return (region - self.taken) & self.cap

    def cut(self, region: Region) -> Cut:
        """What is left of an observed region, and what beats the rest."""
        return _cut(region, self)


@lru_cache(maxsize=1 << 13)
def _cut(region: Region, limit: Limit) -> Cut:
    """Agents of one class are cut alike, and most of what they do they have in common."""
    guarded = protected().get(region.domain.name)
    is_protected = False
    if guarded is not None and (held := region & guarded):
        is_protected = bool(held - limit.named)
        region -= held  # protected points are the ``allow`` lines' to grant
    left = region - limit.taken
    inside = left & limit.cap
    takers = tuple(taker for taker in limit.takers if region & taker.region)
    return Cut(inside, inside != left, is_protected, takers)


def limits(agent: CheckedAgent, standing: Iterable[Clause]) -> dict[str, Limit]:
    """The limits of every domain; ``standing`` are the ``allow`` lines that have not ended."""
    allowed = tuple(standing)
    takers = (*agent.nevers, *agent.denies)
    return {
        name: _limit(
            name,
            None if agent.managed is not None and name not in CALL_DOMAINS else agent.cap(name),
            tuple(c for c in takers if c.domain == name),
            tuple(c for c in allowed if c.domain == name),
        )
        for name in DOMAINS
    }


@lru_cache(maxsize=1 << 10)
def _limit(
    name: str, cap: Region | None, takers: tuple[Clause, ...], standing: tuple[Clause, ...]
) -> Limit:
    """One value for all agents that it holds for, so that they share what it cuts."""
    domain = DOMAINS[name]
    return Limit(
        domain.empty if cap is None else cap,
        cap is not None,
        takers,
        domain.union(c.region for c in takers),
        domain.union(c.region for c in standing),
    )
