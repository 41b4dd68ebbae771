"""The addresses that granted host names were seen to resolve to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyc.envelope.model import Resolution
from policyc.envelope.observation import Direction, Observation, PeerSeen
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import seen
from policyc.semantics.protected import protected


def resolutions(
    hosts: Region, taken: Region, observations: Iterable[Observation]
) -> Iterator[Resolution]:
    """One for each address of each name in ``hosts``, sorted.

    An address that a ``never`` or ``deny`` line takes away stays away whatever it is called, and
    protected addresses are nobody's.  A name of which only such ones were seen has one without
    addresses.
    """
    closed = protected()["egress_ip"] | taken
    found: dict[tuple[str, str, int, str], list[Derivation]] = {}
    for peer in observations:
        if isinstance(peer, PeerSeen) and _is_resolved(peer):
            address = "" if _point(peer) in closed else peer.address
            for host in peer.hosts:
                if {"protocol": peer.protocol, "port": str(peer.port), "host": host} in hosts:
                    key = (host, peer.protocol, peer.port, address)
                    note = (
                        f"{host} was resolved to it" if address else f"{peer.address} is withheld"
                    )
                    why = seen(Step.RESOLVED_HOST, peer.sighting, note)
                    found.setdefault(key, []).append(why)
    open_names = {key[:3] for key in found if key[3]}
    for (host, protocol, port, address), reasons in sorted(found.items()):
        if address:
            yield Resolution(host, protocol, port, (address,), tuple(reasons))
        elif (host, protocol, port) not in open_names:
            yield Resolution(host, protocol, port, (), tuple(reasons))


def _is_resolved(peer: PeerSeen) -> bool:
    return peer.direction is Direction.EGRESS and bool(peer.address and peer.hosts)


def _point(peer: PeerSeen) -> dict[str, str]:
    return {"protocol": peer.protocol, "port": str(peer.port), "address": peer.address}
