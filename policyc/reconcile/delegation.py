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


@dataclass(frozen=True, slots=True)
class Delegation:
    """A chain of agents from the one that asks; regions by domain, without empty ones."""

    chain: tuple[str, ...]
    authority: Mapping[str, Region]
    beyond: Mapping[str, Region]


def delegations(envelopes: Mapping[str, Envelope]) -> Iterator[Delegation]:
    """Every chain without a circle of every agent, sorted; exponential only in tangled delegation."""
    for name in sorted(envelopes):
        yield from _from((name,), envelopes)


def _from(chain: tuple[str, ...], envelopes: Mapping[str, Envelope]) -> Iterator[Delegation]:
    for delegate in envelopes[chain[-1]].delegates:
        if delegate in envelopes and delegate not in chain:
            longer = (*chain, delegate)
            yield _judged(longer, envelopes)
            yield from _from(longer, envelopes)


def _judged(chain: tuple[str, ...], envelopes: Mapping[str, Envelope]) -> Delegation:
    authority = effective([envelopes[name] for name in chain])
    last = envelopes[chain[-1]].domains
    beyond = {name: last[name] - region for name, region in authority.items()}
    return Delegation(chain, _filled(authority), _filled(beyond))


def effective(envelopes: list[Envelope]) -> Mapping[str, Region]:
    """The intersection of envelopes, in the domains that can be handed over."""
    found = {name: r for name, r in envelopes[0].domains.items() if name not in OWN}
    for envelope in envelopes[1:]:
        found = {name: region & envelope.domains[name] for name, region in found.items()}
    return found


def _filled(regions: Mapping[str, Region]) -> Mapping[str, Region]:
    return {name: region for name, region in regions.items() if region}
