"""A tool, model or store that is granted is reached at its declared endpoint; the API server is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from policyc.catalog.api_server import API_SERVER_SERVICE, PORT, USUAL_ADDRESSES
from policyc.envelope.domains import EGRESS_HOST, EGRESS_IP, EGRESS_PEER
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import place
from policyc.lower.whereabouts import USED_THROUGH, all_of, is_loopback
from policyc.semantics.model import CheckedPolicy, Declared, Endpoint, Transport

Grants = Mapping[str, Mapping[Region, list[Derivation]]]
"""Domain -> region -> reasons."""

Use: TypeAlias = tuple[Declared, list[Derivation]]
"""A declared thing, with the reasons of its use."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Network egress that the use of a declared thing needs, with the reasons of the use."""

    declared: Declared
    region: Region
    derivations: tuple[Derivation, ...]


def api_server(policy: CheckedPolicy) -> Region:
    """The way to the API server's Service: where the manifests have it, else where it usually is."""
    fact = policy.services.get(API_SERVER_SERVICE)
    addresses = fact.cluster_ips if fact is not None else USUAL_ADDRESSES
    return EGRESS_IP.written({"protocol": "tcp", "port": str(PORT), "address": addresses})


def reaches(used: Iterable[Use]) -> Iterator[Reach]:
    """For every declared thing that is used over the network."""
    for thing, reasons in used:
        endpoint = thing.endpoint
        if endpoint is None or endpoint.transport is Transport.STDIO or is_loopback(endpoint.host):
            continue  # in the pod itself
        yield Reach(thing, _at(endpoint), tuple(_through(thing, r) for r in reasons))


def uses(declared: Mapping[str, Declared], grants: Grants) -> Iterator[Use]:
    """Every declared thing that some grant uses."""
    for kind, (domain, _) in USED_THROUGH.items():
        granted = grants.get(domain)
        if not granted:
            continue
        for thing in declared.values():
            if thing.kind != kind:
                continue
            used = all_of(thing)
            reasons = [r for region, why in granted.items() if region & used for r in why]
            if reasons:
                yield thing, reasons


def _through(thing: Declared, reason: Derivation) -> Derivation:
    """The use's reason, which now needs the declaration too."""
    places = tuple(sorted({*reason.places, place(thing.span)}))
    note = f"the endpoint of {thing.kind} {thing.name}"
    return Derivation(Step.DECLARED, places, reason.evidence, reason.needed, note, reason.until)


def _at(endpoint: Endpoint) -> Region:
    flow = {"protocol": endpoint.protocol, "port": [str(p) for p in endpoint.ports]}
    if endpoint.peer is None:
        return EGRESS_HOST.written({**flow, "host": endpoint.host})
    labels = {f"pod:{k}": f"={v}" for k, v in endpoint.peer.pod_labels}
    spaces = {f"namespace:{k}": f"={v}" for k, v in endpoint.peer.namespace_labels}
    return EGRESS_PEER.written({**flow, **labels, **spaces})
