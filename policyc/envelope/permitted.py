"""What an envelope permits in a domain, with the addresses that its host names stand for."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.envelope.domains import EGRESS_IP
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region


def permitted(envelope: Envelope, domain: str) -> Region:
    """The region of a domain; a NetworkPolicy opens the addresses that a granted name was seen to
    resolve to, so a judgement about addresses is about them too.
    """
    region = envelope.domains[domain]
    if domain == "egress_ip" and envelope.resolutions:
        region |= EGRESS_IP.union(_resolved(envelope))
    return region


def _resolved(envelope: Envelope) -> Iterator[Region]:
    hosts = envelope.domains["egress_host"]
    for r in envelope.resolutions:
        flow = {"protocol": r.protocol, "port": str(r.port)}
        if {**flow, "host": r.host} in hosts:
            yield from (EGRESS_IP.single({**flow, "address": a}) for a in r.addresses)
