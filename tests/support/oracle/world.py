"""What the second evaluator knows: envelopes and the cluster's objects, as plain documents.

Nothing here knows the product's types.  What an envelope permits is asked point by point: a
concrete request to the API server, a concrete flow of packets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from support.oracle.authorizer import Request
from support.oracle.flows import Peer

Json = Any  # documents of every shape
NAMESPACE = "kubernetes.io/metadata.name"


class Fault(NamedTuple):
    """Something wrong: with which agent (empty: nobody's), what, where, and how much of it."""

    agent: str
    word: str
    place: str = ""
    value: str = ""


class Flow(NamedTuple):
    """One flow of packets of an agent's pod; ``direction`` is ``egress`` or ``ingress``."""

    direction: str
    protocol: str  # lower case
    port: int
    peer: Peer


@dataclass(frozen=True)
class World:
    """The cluster at one moment; ``operators`` and ``break_glass`` are users."""

    objects: tuple[Json, ...]
    envelopes: dict[str, Json]
    home: str = "policyc-system"
    operators: frozenset[str] = frozenset()
    break_glass: frozenset[str] = field(default_factory=frozenset)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Json]:
        for body in self.objects:
            if body["kind"] == kind and namespace in (None, space_of(body)):
                yield body

    def get(self, kind: str, namespace: str, name: str) -> Json:
        return next((b for b in self.all(kind, namespace) if b["metadata"]["name"] == name), None)

    def holding(self, kind: str, namespace: str, name: str, body: Json) -> World:
        """The cluster with another object at a place, or with none there."""
        rest = [
            o
            for o in self.objects
            if (o["kind"], space_of(o), o["metadata"]["name"]) != (kind, namespace, name)
        ]
        return replace(self, objects=(*rest, *([body] if body is not None else [])))

    def agents(self, namespace: str | None = None) -> list[str]:
        return [
            name
            for name, e in self.envelopes.items()
            if namespace in (None, e["spec"]["subject"]["workload"]["namespace"])
        ]

    def subject(self, agent: str) -> Json:
        return self.envelopes[agent]["spec"]["subject"]

    def stage(self, agent: str) -> str:
        """Of what is nobody's it is always refused."""
        return str(self.subject(agent)["stage"]) if agent else "enforce"

    def of_account(self, account: str) -> str:
        """The agent of ``namespace/name``; empty when it is nobody's."""
        found = (a for a in self.envelopes if self.subject(a)["serviceAccount"] == account)
        return next(found, "")


def space_of(body: Json) -> str:
    return str(body["metadata"].get("namespace", ""))


def labels_of(body: Json) -> dict[str, str]:
    return dict(((body or {}).get("metadata") or {}).get("labels") or {})


def annotations_of(body: Json) -> dict[str, str]:
    return dict(((body or {}).get("metadata") or {}).get("annotations") or {})


def may_ask(envelope: Json, asked: Request) -> bool:
    """Whether an agent may make a request to the API server, or anybody may."""
    domains = envelope["spec"]["domains"]
    if asked.url:
        point = {"verb": asked.verb, "url": asked.url}
        return _is_open(asked) or any(_has(box, point) for box in domains["kube_url"])
    point = {
        "group": asked.group,
        "resource": asked.resource,
        "verb": asked.verb,
        "namespace": asked.namespace,
        "name": asked.name,
    }
    return any(_has(box, point) for box in domains["kube"])


def _is_open(asked: Request) -> bool:
    """Discovery, which every account may use.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles
    """
    shape = ("/api", "/apis", "/openapi")
    is_shape = asked.url in shape or asked.url.startswith(tuple(s + "/" for s in shape))
    is_health = asked.url in ("/healthz", "/livez", "/readyz", "/version", "/version/")
    return asked.verb == "get" and (is_shape or is_health)


def may_flow(envelope: Json, flow: Flow) -> bool:
    """Whether an agent may have a flow; names that it may connect to it may also ask for."""
    spec = envelope["spec"]
    kind = "peer" if flow.peer.is_pod else "ip"
    if any(_lets(box, flow) for box in spec["domains"][f"{flow.direction}_{kind}"]):
        return True
    return flow.direction == "egress" and flow.port == 53 and _is_dns(spec["cluster"], flow.peer)


def may_reach(envelope: Json, address: str) -> bool:
    """Whether an agent may connect to an address at some port."""
    spec = envelope["spec"]
    if address in spec["cluster"]["nodeLocalDns"]:
        return True
    return any(_is_within(address, box.get("address")) for box in spec["domains"]["egress_ip"])


def may_name(envelope: Json, host: str) -> bool:
    """Whether an agent may connect to a host at some port."""
    wanted = host.lower().removesuffix(".")
    return any(wanted in box["host"] for box in envelope["spec"]["domains"]["egress_host"])


def _is_dns(cluster: Json, peer: Peer) -> bool:
    if not peer.is_pod:
        return peer.address in cluster["nodeLocalDns"]
    dns = cluster["dns"]
    spaces, pods = dict(peer.namespace_labels), dict(peer.pod_labels)
    return bool(
        dns["namespaceLabels"].items() <= spaces.items()
        and dns["podLabels"].items() <= pods.items()
    )


def _lets(box: Json, flow: Flow) -> bool:
    if flow.protocol not in box.get("protocol", [flow.protocol]):
        return False
    if str(flow.port) not in box.get("port", [str(flow.port)]):
        return False
    if not flow.peer.is_pod:
        return _is_within(flow.peer.address, box.get("address"))
    labels = {f"namespace:{k}": f"={v}" for k, v in flow.peer.namespace_labels}
    labels |= {f"pod:{k}": f"={v}" for k, v in flow.peer.pod_labels}
    wanted = {k: v for k, v in box.items() if ":" in k}
    return all(labels.get(key) in values for key, values in wanted.items())


def _is_within(address: str, blocks: list[str] | None) -> bool:
    there = ipaddress.ip_address(address)
    return blocks is None or any(there in ipaddress.ip_network(block) for block in blocks)


def _has(box: Json, point: dict[str, str]) -> bool:
    """An axis that a box does not name holds everything."""
    return all(value in box.get(axis, [value]) for axis, value in point.items())
