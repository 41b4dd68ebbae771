"""Delegation is a trust boundary: work that is handed over carries the lesser of both authorities.

What the delegate does on somebody's word is authorised by the intersection of the
envelopes along the chain.  Enforcement sees only the delegate, which keeps its own envelope; so what it
may do beyond the one that asks is named: there a confused deputy could be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policyc.envelope.model import Envelope
from policyc.envelope.region import Region

OWN = frozenset({"identity", "image", "syscalls", "capabilities", "ingress_ip", "ingress_peer"})
"""Domains of the process itself, which nobody hands over."""

_Regions = Mapping[str, Region]


@dataclass(frozen=True, slots=True)
class Delegation:
    """What the last agent of a chain may do on the word of the first.

    ``chain`` is the shortest between the two.  ``authority`` is the union over all chains
    between them of the intersection along each, ``beyond`` what the last has besides; both by
    domain, without empty regions.
    """

    chain: tuple[str, ...]
    authority: Mapping[str, Region]
    beyond: Mapping[str, Region]


def delegations(envelopes: Mapping[str, Envelope]) -> Iterator[Delegation]:
    """Every agent with every other one that it reaches by handing work on, sorted.

    Chains are as many as there are ways through a graph, so they are not walked one by one:
    the authorities are the least fixed point over the edges.  Polynomial in the agents that
    one reaches.
    """
    for name in sorted(envelopes):
        authorities, chains = _from(name, envelopes)
        for last in sorted(chains.keys() - {name}):
            authority = authorities[last]
            own = envelopes[last].domains
            beyond = {domain: own[domain] - region for domain, region in authority.items()}
            yield Delegation(chains[last], _filled(authority), _filled(beyond))


def _from(
    first: str, envelopes: Mapping[str, Envelope]
) -> tuple[dict[str, _Regions], dict[str, tuple[str, ...]]]:
    """The authority of every agent on the word of the first, and the shortest chain to it."""
    authorities = {first: effective([envelopes[first]])}
    chains: dict[str, tuple[str, ...]] = {first: (first,)}
    waiting = [first]
    while waiting:
        giver = waiting.pop(0)
        for taker in envelopes[giver].delegates:
            if taker not in envelopes or taker == first:
                continue  # what comes back to the first is less than it has itself
            chains.setdefault(taker, (*chains[giver], taker))
            own = envelopes[taker].domains
            passed = {name: region & own[name] for name, region in authorities[giver].items()}
            known = authorities.get(taker)
            more = passed if known is None else {n: r | known[n] for n, r in passed.items()}
            if more != known:
                authorities[taker] = more
                waiting.append(taker)
    return authorities, chains


def effective(envelopes: list[Envelope]) -> Mapping[str, Region]:
    """The intersection of envelopes, in the domains that can be handed over."""
    found = {name: r for name, r in envelopes[0].domains.items() if name not in OWN}
    for envelope in envelopes[1:]:
        found = {name: region & envelope.domains[name] for name, region in found.items()}
    return found


def _filled(regions: Mapping[str, Region]) -> Mapping[str, Region]:
    return {name: region for name, region in regions.items() if region}
