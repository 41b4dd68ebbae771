"""The CIDR ladder: enough addresses of one network, seen close together, stand for the network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache

from policyc.envelope import domains as d
from policyc.envelope.observation import Direction, Observation, PeerSeen
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, place
from policyc.semantics.model import Rung

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def widened(observations: Sequence[Observation], rungs: Sequence[Rung]) -> Iterator[Candidate]:
    """The networks of which a rung's number of distinct addresses was seen within its time.

    Addresses without times, pods and named hosts do not count, nor what is no address.
    """
    peers = [
        o
        for o in observations
        if isinstance(o, PeerSeen)
        and o.direction is Direction.EGRESS
        and o.address
        and o.port  # nobody listens on port 0
        and not o.is_pod
        and not o.hosts
        and o.sighting.last_seen
    ]
    for rung in rungs:
        groups: dict[tuple[str, int, str], list[PeerSeen]] = {}
        for peer in peers:
            address = _address(peer.address)
            if address is None or rung.prefix > address.max_prefixlen or _is_local(address):
                continue
            network = ipaddress.ip_network(f"{address}/{rung.prefix}", strict=False)
            groups.setdefault((peer.protocol, peer.port, str(network)), []).append(peer)
        for (protocol, port, network_text), group in sorted(groups.items()):
            if _enough(group, rung):
                yield _candidate(protocol, port, network_text, group, rung)


def _address(written: str) -> _Address | None:
    """None for what a recording wrongly calls an address; generalising it reports that."""
    try:
        return ipaddress.ip_address(written)
    except ValueError:
        return None


@cache
def _local() -> Region:
    """The networks of ``_is_local``: RFC 3927, RFC 1122, RFC 4291."""
    return d.EGRESS_IP.written(
        {"address": ("169.254.0.0/16", "127.0.0.0/8", "fe80::/10", "::1/128")}
    )


def _is_local(address: _Address) -> bool:
    """Link-local addresses hold metadata services: no ladder reaches them."""
    return address.is_link_local or address.is_loopback


def _enough(group: list[PeerSeen], rung: Rung) -> bool:
    """Whether some window of the rung's length holds enough distinct addresses."""
    moments = sorted((_seconds(p.sighting.last_seen), p.address) for p in group)
    for i, (start, _) in enumerate(moments):
        inside = {a for t, a in moments[i:] if t - start <= rung.within_seconds}
        if len(inside) >= rung.seen:
            return True
    return False


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _candidate(
    protocol: str, port: int, network: str, group: list[PeerSeen], rung: Rung
) -> Candidate:
    evidence = tuple(sorted({e for peer in group for e in peer.sighting.evidence}))
    note = f"{len({p.address for p in group})} addresses of {network} were seen"
    whole = d.EGRESS_IP.written({"protocol": protocol, "port": str(port), "address": network})
    return Candidate(
        whole - _local(),
        Derivation(Step.CIDR_LADDER, (place(rung.span),), evidence, rung.seen, note),
        f"egress {protocol} {port} to cidr {network}",
    )
