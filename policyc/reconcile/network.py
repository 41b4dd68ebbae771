"""What NetworkPolicies declare: each peer on each port of the egress rules that select the agent.

The cluster's own DNS is left out: every agent that connects may ask it, by the compiler's rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.view import View, key_of
from policyc.core.canonical import Json
from policyc.denote.network_policy import NAMESPACE_LABEL, dns_address, dns_pods, permitted
from policyc.denote.selectors import selects
from policyc.envelope.domains import EGRESS_IP, EGRESS_PEER
from policyc.envelope.model import ClusterFacts
from policyc.envelope.region import Region
from policyc.lower.lines import pods
from policyc.reconcile.permission import Permission, Source
from policyc.semantics.model import CheckedAgent

_GROUP = "networking.k8s.io"


def declared(view: View, agent: CheckedAgent, cluster: ClusterFacts) -> Iterator[Permission]:
    """The flows out of the agent's pods that policies declare; ValueError for one that is none."""
    if agent.workload is None:
        return
    labels = dict(agent.pod_labels)
    dns = _dns(cluster)
    for body in view.all(_GROUP, "NetworkPolicy", agent.workload.namespace):
        spec = body.get("spec")
        if isinstance(spec, dict) and selects(spec.get("podSelector") or {}, labels):
            space, name = key_of(body)
            shared = "" if spec.get("podSelector") else "it selects every pod of the namespace"
            for line, region in _flows(spec, space):
                if left := region - dns[region.domain.name]:
                    yield Permission(line, left, (Source(f"NetworkPolicy {space}/{name}", shared),))


def _dns(cluster: ClusterFacts) -> Mapping[str, Region]:
    servers = dns_pods(cluster.dns) if cluster.dns is not None else EGRESS_PEER.empty
    return {
        "egress_peer": servers,
        "egress_ip": EGRESS_IP.union(map(dns_address, cluster.node_local_dns)),
    }


def _flows(spec: Mapping[str, Json], namespace: str) -> Iterator[tuple[str, Region]]:
    """Each peer on each port: its line, and the flows that it stands for."""
    for rule in _list(spec.get("egress")):
        if not isinstance(rule, dict):
            raise ValueError("an egress rule is an object")
        for peer in _list(rule.get("to")) or [None]:
            for port in _list(rule.get("ports")) or [None]:
                one: dict[str, Json] = {
                    **({"to": [peer]} if peer is not None else {}),
                    **({"ports": [port]} if port is not None else {}),
                }
                document: Json = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [one]}
                for region in permitted(document, namespace).values():
                    if region:
                        is_pods = peer is None and region.domain is EGRESS_PEER
                        where = pods((), ()) if is_pods else _peer(peer, namespace)
                        yield f"egress {_port(port)} to {where}", region


def _port(port: Json) -> str:
    """``tcp 443``, ``udp 1024-2048``, ``* *``; a named port may be any."""
    match port:
        case {"port": int(first), **rest}:
            last = rest.get("endPort")
            ports = f"{first}-{last}" if last else str(first)
            return f"{str(rest.get('protocol', 'TCP')).lower()} {ports}"
        case {**rest}:
            return f"{str(rest.get('protocol', 'TCP')).lower()} *"
        case _:
            return "* *"


def _peer(peer: Json, namespace: str) -> str:
    """The peer as a policy has it; one by expressions shows them as they stand."""
    match peer:
        case {"ipBlock": {"cidr": str(cidr), **block}}:
            excepted = block.get("except")
            spared = ", ".join(map(str, excepted)) if isinstance(excepted, list) else ""
            return f"cidr {cidr}" + (f" except ({spared})" if spared else "")
        case {**selectors}:
            own = _labels(selectors.get("podSelector"))
            default = {"matchLabels": {NAMESPACE_LABEL: namespace}}
            spaces = _labels(selectors.get("namespaceSelector", default))
            if own is not None and spaces is not None:
                return pods(own, spaces)
            return f"pods by {peer}"
        case _:
            return "anywhere"


def _labels(selector: object) -> list[tuple[str, str]] | None:
    """The labels of a selector; None where it has expressions."""
    if not isinstance(selector, dict):
        return []
    labels = selector.get("matchLabels") or {}
    if selector.get("matchExpressions") or not isinstance(labels, dict):
        return None
    return sorted((key, str(value)) for key, value in labels.items())


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
