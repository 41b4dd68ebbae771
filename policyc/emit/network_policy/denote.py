"""NetworkPolicy to regions: what the API's own rules make of a document.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and
the field documentation of networking.k8s.io/v1 (Kubernetes 1.34).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.emit.network_policy.selectors import denoted
from policyc.envelope.axes import AddressAxis, EnumAxis, Extent, PortAxis
from policyc.envelope.domains import DOMAINS, PROTOCOLS
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region

_ADDRESS = AddressAxis("address")
_PORT = PortAxis("port")
_PROTOCOL = EnumAxis("protocol", PROTOCOLS)
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def denote(document: Json, envelope: Envelope) -> Mapping[str, Region]:
    """The flows of the agent's pods that the policy permits.

    A missing policy type, list of peers or list of ports means everything; so does an
    empty list of peers or ports inside a rule.
    """
    if not isinstance(document, dict) or not isinstance(spec := document.get("spec"), dict):
        raise InternalError("not a NetworkPolicy")
    chosen = dict(envelope.subject.pod_labels)
    if spec.get("podSelector") != {"matchLabels": chosen}:
        raise InternalError("the policy does not select the agent's pods")
    types = spec.get("policyTypes")
    result: dict[str, Region] = {"egress_host": DOMAINS["egress_host"].empty}
    for direction, side, word in (("egress", "to", "Egress"), ("ingress", "from", "Ingress")):
        by_ip, by_peer = DOMAINS[f"{direction}_ip"], DOMAINS[f"{direction}_peer"]
        if not isinstance(types, list) or word not in types:
            result[by_ip.name], result[by_peer.name] = by_ip.full, by_peer.full
            continue
        regions = list(_rules(spec.get(direction), side, direction, envelope))
        for domain in (by_ip, by_peer):
            result[domain.name] = domain.union(r for r in regions if r.domain is domain)
    return result


def _rules(value: Json, side: str, direction: str, envelope: Envelope) -> Iterator[Region]:
    by_ip, by_peer = DOMAINS[f"{direction}_ip"], DOMAINS[f"{direction}_peer"]
    for rule in _list(value):
        if not isinstance(rule, dict):
            raise InternalError("a rule is an object")
        flows = list(_flows(rule.get("ports")))
        peers = _list(rule.get(side))
        for flow in flows:
            if not peers:
                yield by_ip.box(flow)
                yield by_peer.box(flow)
            for peer in peers:
                yield _peer(peer, flow, direction, envelope)


def _flows(value: Json) -> Iterator[dict[str, Extent]]:
    ports = _list(value)
    if not ports:
        yield {}
    for port in ports:
        if not isinstance(port, dict):
            raise InternalError("a port is an object")
        protocol = str(port.get("protocol", "TCP")).lower()
        flow = {"protocol": _PROTOCOL.extent(protocol)}
        first = port.get("port")
        if isinstance(first, int):
            last = port.get("endPort", first)
            if not isinstance(last, int):
                raise InternalError("endPort is a number")
            flow["port"] = _PORT.range(first, last)
        elif first is not None:
            raise InternalError("a named port depends on the pod")
        yield flow


def _peer(peer: Json, flow: Mapping[str, Extent], direction: str, envelope: Envelope) -> Region:
    if not isinstance(peer, dict):
        raise InternalError("a peer is an object")
    block = peer.get("ipBlock")
    if isinstance(block, dict):
        address = _ADDRESS.extent(str(block["cidr"]))
        for hole in _list(block.get("except")):
            address -= _ADDRESS.extent(str(hole))
        return DOMAINS[f"{direction}_ip"].box({**flow, "address": address})
    box = dict(flow)
    if "namespaceSelector" in peer:
        for key, extent in denoted(peer["namespaceSelector"]).items():
            box[f"namespace:{key}"] = extent
    else:
        assert envelope.subject.workload is not None
        axis = DOMAINS[f"{direction}_peer"].axis("namespace:x")
        own = envelope.subject.workload.namespace
        box[f"namespace:{_NAMESPACE_LABEL}"] = axis.extent(f"={own}")
    if "podSelector" in peer:
        for key, extent in denoted(peer["podSelector"]).items():
            box[f"pod:{key}"] = extent
    return DOMAINS[f"{direction}_peer"].box(box)


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InternalError("a list is wanted")
    return value
