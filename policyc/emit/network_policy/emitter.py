"""Envelope to NetworkPolicy: a rule for each peer, its ports below it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from policyc.core.canonical import Json, canonical_json
from policyc.core.errors import InternalError
from policyc.denote.network_policy import (
    FLOW_DOMAINS,
    asks_dns,
    flow_ceiling,
    permitted,
)
from policyc.emit.base import Artifact, Emission, Narrowing, Slack, lines_of, object_name
from policyc.emit.network_policy.selectors import Requirement, requirements, selector
from policyc.envelope.axes import ALL, AddressAxis, EnumAxis, Extent, PortAxis
from policyc.envelope.domains import DOMAINS, EGRESS_HOST, EGRESS_IP, PROTOCOLS
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region

PATH = "networkpolicy.yaml"
_FORM = Derivation(Step.FIXED, note="the form of a default-deny NetworkPolicy")
_DNS = Derivation(Step.CLUSTER_DNS, note="names cannot be resolved without it")

_ADDRESS = AddressAxis("address")
_PORT = PortAxis("port")
_PROTOCOL = EnumAxis("protocol", PROTOCOLS)

PortKey = tuple[str, int, int]
"""Protocol, first and last port; 0 to 65535 is every port."""


@dataclass(slots=True)
class _Rule:
    """One peer and its ports, each with the derivations that need it."""

    peer: dict[str, Json]
    says: str
    ports: dict[PortKey, list[Derivation]] = field(default_factory=dict)

    def add(self, port: PortKey, derivations: tuple[Derivation, ...]) -> None:
        known = self.ports.setdefault(port, [])
        known += [d for d in derivations if d not in known]


class NetworkPolicyEmitter:
    """One policy for the agent's pods; nothing that is not listed passes."""

    kind = "network-policy"
    domains = frozenset({"egress_ip", "egress_host", "egress_peer", "ingress_ip", "ingress_peer"})

    def emit(self, envelope: Envelope) -> Emission:
        """One file; none for managed agents, which have no pods of ours."""
        workload = envelope.subject.workload
        if workload is None:
            return Emission()
        narrowed: list[Narrowing] = []
        egress = _rules(envelope, "egress", narrowed)
        ingress = _rules(envelope, "ingress", narrowed)
        narrowed += _unresolved(envelope)
        document: dict[str, Json] = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": object_name(envelope.subject.agent),
                "namespace": workload.namespace,
                "annotations": {"policyc.dev/agent": envelope.subject.agent},
            },
            "spec": {
                "podSelector": {"matchLabels": dict(envelope.subject.pod_labels)},
                "policyTypes": ["Ingress", "Egress"],
                "egress": [_written(rule, "to") for rule in egress],
                "ingress": [_written(rule, "from") for rule in ingress],
            },
        }
        explain = {**_explained(egress, "egress", "to"), **_explained(ingress, "ingress", "from")}
        artifact = Artifact(PATH, document, lines_of(explain, _FORM))
        return Emission((artifact,), tuple(_slack(envelope)), tuple(narrowed))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """The flows of the agent's pods that the policy permits."""
        match documents[PATH]:
            case {"metadata": {"namespace": str(namespace)}, "spec": dict(spec)}:
                pass
            case _:
                raise InternalError("not a NetworkPolicy")
        workload = envelope.subject.workload
        selected = {"matchLabels": dict(envelope.subject.pod_labels)}
        if (
            workload is None
            or namespace != workload.namespace
            or spec.get("podSelector") != selected
        ):
            raise InternalError("the policy does not select the agent's pods")
        unsaid = {name: DOMAINS[name].full for name in FLOW_DOMAINS}
        said = permitted(spec, workload.namespace)
        return {**unsaid, **said, "egress_host": EGRESS_HOST.empty}

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        """The envelope, the cluster's DNS, and the addresses of granted names."""
        return {**flow_ceiling(envelope), "egress_host": envelope.domains["egress_host"]}


NETWORK_POLICY = NetworkPolicyEmitter()


def _single(address: str) -> str:
    return str(ipaddress.ip_network(address))


# -- rules -----------------------------------------------------------------------


def _rules(envelope: Envelope, direction: str, narrowed: list[Narrowing]) -> list[_Rule]:
    """The rules of one direction, sorted by their peer."""
    rules: dict[bytes, _Rule] = {}

    def add(peer: dict[str, Json], port: PortKey, reasons: tuple[Derivation, ...]) -> None:
        key = canonical_json(peer)
        rule = rules.get(key)
        if rule is None:
            rule = rules[key] = _Rule(peer, _peer_words(peer))
        rule.add(port, reasons)

    for grant in envelope.grants.get(f"{direction}_ip", ()):
        for peer, port in _ip_peers(grant.region):
            add(peer, port, grant.derivations)
    for grant in envelope.grants.get(f"{direction}_peer", ()):
        for peer, port in _pod_peers(grant, direction, narrowed):
            add(peer, port, grant.derivations)
    if direction == "egress":
        for resolution in envelope.resolutions:
            port = (resolution.protocol, resolution.port, resolution.port)
            for address in resolution.addresses:
                add({"ipBlock": {"cidr": _single(address)}}, port, resolution.derivations)
        if asks_dns(envelope):
            for peer in _dns_peers(envelope):
                for protocol in ("udp", "tcp"):
                    add(peer, (protocol, 53, 53), (_DNS,))
    return [rules[key] for key in sorted(rules)]


def _dns_peers(envelope: Envelope) -> Iterator[dict[str, Json]]:
    dns = envelope.cluster.dns
    if dns is not None:
        yield _pod_peer(
            [Requirement(k, "In", (v,)) for k, v in dns.namespace_labels],
            [Requirement(k, "In", (v,)) for k, v in dns.pod_labels],
        )
    for address in envelope.cluster.node_local_dns:
        yield {"ipBlock": {"cidr": _single(address)}}


def _ports(box: Mapping[str, Extent]) -> tuple[PortKey, ...]:
    return _port_keys(box.get("protocol", ALL), box.get("port", ALL))


@lru_cache(maxsize=1 << 12)
def _port_keys(protocols: Extent, ports: Extent) -> tuple[PortKey, ...]:
    return tuple(
        # Port 0 cannot be connected to and a NetworkPolicy cannot name it.
        (protocol, first if (first, last) == (0, 65535) else max(first, 1), last)
        for protocol in PROTOCOLS
        if _PROTOCOL.extent(protocol) <= protocols
        for first, last in _PORT.ranges(ports)
        if last > 0
    )


def _ip_peers(region: Region) -> Iterator[tuple[dict[str, Json], PortKey]]:
    for box in region.boxes():
        for block in _blocks(box.get("address", ALL)):
            for port in _ports(box):
                yield {"ipBlock": block}, port


def _blocks(extent: Extent) -> list[dict[str, Json]]:
    """CIDR blocks, each family either as the fewest blocks or as one with exceptions."""
    fewest = _ADDRESS.networks(extent)
    if len(fewest) == 1:
        return [{"cidr": str(fewest[0])}]
    result: list[dict[str, Json]] = []
    for family in ("0.0.0.0/0", "::/0"):
        whole = _ADDRESS.extent(family)
        part = extent & whole
        if not part:
            continue
        plain = _ADDRESS.networks(part)
        cover = _cover(plain)
        holes = _ADDRESS.networks(_ADDRESS.extent(cover) - part)
        if holes and len(holes) + 1 < len(plain):
            result.append({"cidr": cover, "except": [str(hole) for hole in holes]})
        else:
            result += [{"cidr": str(block)} for block in plain]
    return result


def _cover(blocks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> str:
    """The smallest block that holds all of them; they are ascending and of one family."""
    first, last = blocks[0].network_address, blocks[-1].broadcast_address
    differing = (int(first) ^ int(last)).bit_length()
    return str(ipaddress.ip_network(f"{first}/{first.max_prefixlen - differing}", strict=False))


def _pod_peers(
    grant: Grant, direction: str, narrowed: list[Narrowing]
) -> Iterator[tuple[dict[str, Json], PortKey]]:
    for box in grant.region.boxes():
        choices: dict[str, list[list[tuple[Requirement, ...]]]] = {"namespace": [], "pod": []}
        for name, extent in box.items():
            family, colon, key = name.partition(":")
            if not colon:
                continue
            alternatives = requirements(key, extent)
            if alternatives is None:
                narrowed.append(_inexpressible(grant, direction, key))
                break
            choices[family].append(alternatives)
        else:
            for spaces in product(*choices["namespace"]):
                for pods in product(*choices["pod"]):
                    peer = _pod_peer([r for c in spaces for r in c], [r for c in pods for r in c])
                    for port in _ports(box):
                        yield peer, port


def _pod_peer(spaces: list[Requirement], pods: list[Requirement]) -> dict[str, Json]:
    """Without a namespace selector only the policy's own namespace would match, so it is written."""
    peer: dict[str, Json] = {"namespaceSelector": selector(spaces)}
    if pods:
        peer["podSelector"] = selector(pods)
    return peer


def _inexpressible(grant: Grant, direction: str, key: str) -> Narrowing:
    return Narrowing(
        "PC6002",
        f"{direction}_peer",
        f"a NetworkPolicy cannot select values of the label `{key}` by a pattern",
        "list the values, or leave the label out",
        grant.derivations,
    )


# -- documents ---------------------------------------------------------------------


def _written(rule: _Rule, side: str) -> Json:
    return {side: [rule.peer], "ports": [_port(key) for key in sorted(rule.ports)]}


def _port(key: PortKey) -> Json:
    protocol, first, last = key
    if (first, last) == (0, 65535):
        return {"protocol": protocol.upper()}
    port: dict[str, Json] = {"protocol": protocol.upper(), "port": first}
    if last > first:
        port["endPort"] = last
    return port


def _port_words(key: PortKey) -> str:
    protocol, first, last = key
    if (first, last) == (0, 65535):
        return f"{protocol} *"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _peer_words(peer: Mapping[str, Json]) -> str:
    block = peer.get("ipBlock")
    if isinstance(block, dict):
        holes = block.get("except")
        but = f" except {', '.join(map(str, holes))}" if isinstance(holes, list) else ""
        return f"cidr {block['cidr']}{but}"
    parts = []
    for word, key in (("pods", "podSelector"), ("namespaces", "namespaceSelector")):
        value = peer.get(key)
        if value:
            parts.append(f"{word} {canonical_json(value).decode()}")
    return " of ".join(parts) or "every pod"


def _explained(
    rules: list[_Rule], direction: str, side: str
) -> dict[str, tuple[str, tuple[Derivation, ...]]]:
    explain: dict[str, tuple[str, tuple[Derivation, ...]]] = {}
    word = "to" if direction == "egress" else "from"
    for i, rule in enumerate(rules):
        everything = tuple(dict.fromkeys(d for known in rule.ports.values() for d in known))
        at = f"/spec/{direction}/{i}"
        explain[f"{at}/{side}/0"] = (f"{direction} {word} {rule.says}", everything)
        for j, key in enumerate(sorted(rule.ports)):
            says = f"{direction} {_port_words(key)} {word} {rule.says}"
            explain[f"{at}/ports/{j}"] = (says, tuple(rule.ports[key]))
    return explain


# -- what it cannot hold -------------------------------------------------------------


def _unresolved(envelope: Envelope) -> Iterator[Narrowing]:
    """Granted names of which no address is known: the policy cannot let them through."""
    resolved = {r.host for r in envelope.resolutions if r.addresses}
    withheld = {r.host for r in envelope.resolutions if not r.addresses}
    open_flows = envelope.domains["egress_ip"]
    for grant in envelope.grants.get("egress_host", ()):
        for box in grant.region.boxes():
            flow = {k: v for k, v in box.items() if k in ("protocol", "port")}
            if EGRESS_IP.box(flow) <= open_flows:
                continue
            patterns = DOMAINS["egress_host"].axis("host").write(box.get("host", ALL))
            for pattern in patterns:
                if pattern.startswith("!") or pattern in resolved:
                    continue
                yield Narrowing(
                    "PC6001",
                    "egress_host",
                    f"`{pattern}` is granted, and a NetworkPolicy lets through only "
                    + _what_passes(pattern, withheld),
                    "record the agent once while it uses the name, grant the addresses with "
                    "`allow egress ... to cidr`, or enforce names with an egress proxy",
                    grant.derivations,
                )


def _what_passes(pattern: str, withheld: set[str]) -> str:
    if "*" in pattern:
        return "those of its names that were resolved"
    if pattern in withheld:
        return "addresses: those that were seen are all protected or taken away"
    return "addresses: none was resolved"


def _slack(envelope: Envelope) -> Iterator[Slack]:
    if any(r.addresses for r in envelope.resolutions):
        yield Slack(
            "egress_host",
            "an address also serves other names, and names may move to other addresses",
            "an egress proxy that checks names; nothing in Kubernetes itself",
        )
    if asks_dns(envelope):
        yield Slack(
            "egress_host",
            "questions to the cluster's DNS can carry data out",
            "the DNS server's own policy and log",
        )
    yield Slack(
        "ingress_ip",
        "the node that runs the pod can always reach it",
        "nothing: Kubernetes' probes need it",
    )
    if any(envelope.domains[d] for d in ("egress_ip", "ingress_ip")):
        yield Slack(
            "egress_ip",
            "whether an ipBlock also matches pods and rewritten addresses is up to the network plugin",
            "the network plugin's documentation",
        )
