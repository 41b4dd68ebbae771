"""NetworkPolicy to regions: what the API's own rules make of a document.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and
the field documentation of networking.k8s.io/v1 (Kubernetes 1.34).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import lru_cache

from policyc.core.canonical import Json
from policyc.denote.selectors import selected
from policyc.envelope.axes import AddressAxis, EnumAxis, Extent, PortAxis
from policyc.envelope.domains import DOMAINS, EGRESS_IP, EGRESS_PEER, PROTOCOLS
from policyc.envelope.model import Envelope, LabelPeer
from policyc.envelope.region import Domain, Region

FLOW_DOMAINS = ("egress_ip", "egress_peer", "ingress_ip", "ingress_peer")
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_DNS_PORT = 53
_ADDRESS = AddressAxis("address")
_PORT = PortAxis("port")
_PROTOCOL = EnumAxis("protocol", PROTOCOLS)


def permitted(spec: Json, namespace: str) -> Mapping[str, Region]:
    """The flows that the ``spec`` of a policy in ``namespace`` permits the pods it selects.

    The domains of a direction that the policy does not isolate are absent: it says nothing
    on them.  A missing or empty list of peers or ports inside a rule means everything.  A
    named port, which depends on the pod, is read as every port.  ValueError when it is no
    such spec.
    """
    if not isinstance(spec, dict):
        raise ValueError("not the spec of a NetworkPolicy")
    types = _types(spec)
    result: dict[str, Region] = {}
    for direction, side, word in (("egress", "to", "Egress"), ("ingress", "from", "Ingress")):
        domains = DOMAINS[f"{direction}_ip"], DOMAINS[f"{direction}_peer"]
        if word not in types:
            continue
        regions = list(_rules(spec.get(direction), side, domains, namespace))
        for domain in domains:
            result[domain.name] = domain.union(r for r in regions if r.domain is domain)
    return result


def flow_ceiling(envelope: Envelope) -> Mapping[str, Region]:
    """What the network may permit an agent: its envelope, the cluster's DNS, addresses of granted names."""
    result = {name: envelope.domains[name] for name in FLOW_DOMAINS}
    if asks_dns(envelope):
        if envelope.cluster.dns is not None:
            result["egress_peer"] |= dns_pods(envelope.cluster.dns)
        result["egress_ip"] |= EGRESS_IP.union(map(dns_address, envelope.cluster.node_local_dns))
    hosts = envelope.domains["egress_host"]
    result["egress_ip"] |= EGRESS_IP.union(
        EGRESS_IP.box({**_flow(r.protocol, r.port), "address": _ADDRESS.extent(_single(a))})
        for r in envelope.resolutions
        if {"protocol": r.protocol, "port": str(r.port), "host": r.host} in hosts
        for a in r.addresses
    )
    return result


def asks_dns(envelope: Envelope) -> bool:
    """Whoever may connect to anything may ask for its name, where a server is left to be asked."""
    is_left = envelope.cluster.dns is not None or bool(envelope.cluster.node_local_dns)
    return is_left and any(envelope.domains[d] for d in ("egress_ip", "egress_host", "egress_peer"))


@lru_cache
def dns_pods(pods: LabelPeer) -> Region:
    """Questions to the pods that answer DNS, in ``egress_peer``."""
    box = peer_box(pods)
    return EGRESS_PEER.union(EGRESS_PEER.box({**flow, **box}) for flow in _questions())


@lru_cache
def dns_address(address: str) -> Region:
    """Questions to a DNS server on the node, in ``egress_ip``."""
    box = {"address": _ADDRESS.extent(_single(address))}
    return EGRESS_IP.union(EGRESS_IP.box({**flow, **box}) for flow in _questions())


def _questions() -> list[dict[str, Extent]]:
    return [_flow(protocol, _DNS_PORT) for protocol in ("udp", "tcp")]


def peer_box(peer: LabelPeer) -> dict[str, Extent]:
    """The pods of a peer, as a part of a box of ``egress_peer`` or ``ingress_peer``."""
    axis = EGRESS_PEER.axis("pod:x")
    return {
        **{f"namespace:{k}": axis.extent(f"={v}") for k, v in peer.namespace_labels},
        **{f"pod:{k}": axis.extent(f"={v}") for k, v in peer.pod_labels},
    }


def _flow(protocol: str, port: int) -> dict[str, Extent]:
    return {"protocol": _PROTOCOL.extent(protocol), "port": _PORT.range(port, port)}


def _single(address: str) -> str:
    return str(ipaddress.ip_network(address))


def _types(spec: dict[str, Json]) -> list[Json]:
    """The policy types; without the field it is Ingress, and Egress where there are egress rules."""
    types = spec.get("policyTypes")
    if types:
        return _list(types)
    return ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _rules(
    value: Json, side: str, domains: tuple[Domain, Domain], namespace: str
) -> Iterator[Region]:
    """Of each rule what it permits in each domain: its peers, met with its ports.

    Not peer by peer and port by port: a rule may have thousands of both.
    """
    for rule in _list(value):
        if not isinstance(rule, dict):
            raise ValueError("a rule is an object")
        peers, flows = _list(rule.get(side)), [*_flows(rule.get("ports"))]
        found = [_peer(peer, domains, namespace) for peer in peers]
        for domain in domains:
            reached = [r for r in found if r.domain is domain]
            if reached or not peers:
                region = domain.union(map(domain.box, flows))
                yield region & domain.union(reached) if peers else region


def _flows(value: Json) -> Iterator[dict[str, Extent]]:
    ports = _list(value)
    if not ports:
        yield {}
    for port in ports:
        if not isinstance(port, dict):
            raise ValueError("a port is an object")
        flow = {"protocol": _PROTOCOL.extent(str(port.get("protocol", "TCP")).lower())}
        first = port.get("port")
        last = port.get("endPort", first)
        if isinstance(first, int) and isinstance(last, int):
            flow["port"] = _PORT.range(first, last)
        elif not isinstance(first, (str, type(None))):
            raise ValueError("a port is a number or a name")
        yield flow


def _peer(peer: Json, domains: tuple[Domain, Domain], namespace: str) -> Region:
    by_ip, by_peer = domains
    if not isinstance(peer, dict):
        raise ValueError("a peer is an object")
    block = peer.get("ipBlock")
    if isinstance(block, dict):
        address = _ADDRESS.extent(str(block.get("cidr")))
        for hole in _list(block.get("except")):
            address -= _ADDRESS.extent(str(hole))
        return by_ip.box({"address": address})
    if not {"podSelector", "namespaceSelector"} & peer.keys():
        raise ValueError("a peer is a block of addresses or selects pods")
    box: dict[str, Extent] = {}
    if "namespaceSelector" in peer:
        for key, extent in selected(peer["namespaceSelector"]).items():
            box[f"namespace:{key}"] = extent
    else:
        own = by_peer.axis("namespace:x").extent(f"={namespace}")
        box[f"namespace:{NAMESPACE_LABEL}"] = own
    for key, extent in selected(peer.get("podSelector", {})).items():
        box[f"pod:{key}"] = extent
    return by_peer.box(box)


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("a list is wanted")
    return value
