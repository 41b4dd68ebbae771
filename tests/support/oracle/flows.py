"""A second evaluator of NetworkPolicy over concrete pods, from the documentation alone.

https://kubernetes.io/docs/concepts/services-networking/network-policies/: a pod that
some policy selects for a direction lets through what the union of those policies lets
through; a rule matches when its peers and its ports do; an absent or empty list of
peers or ports matches everything.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peer:
    """The other end: a pod (labels of it and its namespace) or an address outside."""

    address: str = ""
    namespace: str = ""
    namespace_labels: tuple[tuple[str, str], ...] = ()
    pod_labels: tuple[tuple[str, str], ...] = ()

    @property
    def is_pod(self) -> bool:
        return bool(self.namespace)


def passes(policy: dict[str, Any], direction: str, peer: Peer, protocol: str, port: int) -> bool:
    """Whether the policy lets the flow of a pod that it selects through."""
    spec = policy["spec"]
    if direction.capitalize() not in spec["policyTypes"]:
        return True
    side = "to" if direction == "egress" else "from"
    return any(
        _ports(rule.get("ports"), protocol, port)
        and _peers(rule.get(side), peer, policy["metadata"]["namespace"])
        for rule in spec.get(direction) or []
    )


def _ports(ports: list[dict[str, Any]] | None, protocol: str, port: int) -> bool:
    if not ports:
        return True
    for entry in ports:
        if entry.get("protocol", "TCP") != protocol.upper():
            continue
        first = entry.get("port")
        if first is None or first <= port <= entry.get("endPort", first):
            return True
    return False


def _peers(peers: list[dict[str, Any]] | None, peer: Peer, own_namespace: str) -> bool:
    if not peers:
        return True
    return any(_peer(entry, peer, own_namespace) for entry in peers)


def _peer(entry: dict[str, Any], peer: Peer, own_namespace: str) -> bool:
    if "ipBlock" in entry:
        if peer.is_pod:
            return False
        address = ipaddress.ip_address(peer.address)
        block = entry["ipBlock"]
        if address not in ipaddress.ip_network(block["cidr"]):
            return False
        return all(address not in ipaddress.ip_network(hole) for hole in block.get("except", []))
    if not peer.is_pod:
        return False
    if "namespaceSelector" in entry:
        if not selects(entry["namespaceSelector"], dict(peer.namespace_labels)):
            return False
    elif peer.namespace != own_namespace:
        return False
    return selects(entry.get("podSelector", {}), dict(peer.pod_labels))


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        key, values = expression["key"], expression.get("values", [])
        match expression["operator"]:
            case "In":
                ok = labels.get(key) in values
            case "NotIn":
                ok = key not in labels or labels[key] not in values
            case "Exists":
                ok = key in labels
            case "DoesNotExist":
                ok = key not in labels
            case _:
                raise AssertionError(expression)
        if not ok:
            return False
    return True
