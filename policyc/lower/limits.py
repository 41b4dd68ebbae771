"""What an agent's grants are cut to, domain by domain, with the lines that say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Region
from policyc.semantics.model import CheckedAgent, Clause
from policyc.semantics.protected import protected
from policyc.semantics.rules.agents import CALL_DOMAINS


@dataclass(frozen=True, slots=True)
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
        """What is left of a region."""
        return _cut(region, self.cap, self.taken)

    def unnamed_protected(self, region: Region) -> Region:
        """Protected points of an observed region that no ``allow`` line names."""
        guarded = protected().get(region.domain.name)
        return region.domain.empty if guarded is None else (region & guarded) - self.named

    def unprotected(self, region: Region) -> Region:
        """An observed region without its protected points: those are the ``allow`` lines' to grant."""
        guarded = protected().get(region.domain.name)
        return region if guarded is None else region - guarded


@lru_cache(maxsize=1 << 16)
def _cut(region: Region, cap: Region, taken: Region) -> Region:
    """Agents of one class are cut alike, and most of what they do they have in common."""
    return (region - taken) & cap


def limits(agent: CheckedAgent, standing: Iterable[Clause]) -> dict[str, Limit]:
    """The limits of every domain; ``standing`` are the ``allow`` lines that have not ended."""
    allowed = tuple(standing)
    return {name: _limit(agent, name, allowed) for name in DOMAINS}


def _limit(agent: CheckedAgent, name: str, standing: tuple[Clause, ...]) -> Limit:
    domain = DOMAINS[name]
    cap = agent.cap(name)
    if agent.managed is not None and name not in CALL_DOMAINS:
        cap = None
    takers = tuple(c for c in (*agent.nevers, *agent.denies) if c.domain == name)
    return Limit(
        domain.empty if cap is None else cap,
        cap is not None,
        takers,
        domain.union(c.region for c in takers),
        domain.union(c.region for c in standing if c.domain == name),
    )
