"""Peers: pods become the labels their owners give them, Services their pods, names stay names.

An address inside the cluster without a pod's identity will be another pod's
tomorrow: it is marked fleeting and granted to nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from policyc.catalog.labels import stable_labels
from policyc.envelope.domains import DOMAINS, EGRESS_HOST, EGRESS_PEER
from policyc.envelope.observation import Direction, PeerSeen
from policyc.envelope.provenance import Step
from policyc.kube.names import canonical_address, service_of_host
from policyc.lower.candidates import Candidate, seen
from policyc.lower.lines import pods
from policyc.semantics.grants import NAMESPACE_LABEL
from policyc.semantics.model import CheckedPolicy, ServiceFact

_Labels: TypeAlias = Iterable[tuple[str, str]]

_CLUSTER_RANGES = tuple(
    map(
        ipaddress.ip_network,
        # RFC 1918, RFC 6598 and RFC 4193: where pods and Services live.
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)


def generalise(observation: PeerSeen, policy: CheckedPolicy) -> Iterator[Candidate]:
    """The pods, the Service's pods, the host names, or the address: the first that is known.

    ValueError for port 0: nobody listens on it (RFC 6335, section 6).
    """
    if observation.port == 0:
        raise ValueError(_named(observation))
    if observation.is_pod:
        yield _pods(observation)
        return
    is_egress = observation.direction is Direction.EGRESS
    if is_egress and observation.address:
        fact = policy.services_by_address.get(canonical_address(observation.address))
        if fact is not None:
            yield from _behind(observation, fact)
            return
    hosts = observation.hosts if is_egress else ()
    for host in hosts:
        yield from _host(observation, host, policy)
    if hosts:
        return
    if not observation.address:
        called = " or ".join(observation.claimed)
        who = f"somebody at no address, called {called}," if called else "nobody"
        raise ValueError(f"{_named(observation)} with {who} at the other end")
    yield addressed(observation)


def addressed(observation: PeerSeen) -> Candidate:
    """The address itself, whatever name it was resolved from."""
    direction = observation.direction.value
    address = canonical_address(observation.address)
    region = DOMAINS[f"{direction}_ip"].single({**_flow(observation), "address": address})
    block = ipaddress.ip_network(address)
    side = "to" if direction == "egress" else "from"
    line = f"{_named(observation)} {side} cidr {block}"
    is_fleeting = not observation.hosts and any(
        block.network_address in network for network in _CLUSTER_RANGES
    )
    called = ", ".join(observation.claimed)
    note = f"the program called it {called}, and no answer of a name server does" if called else ""
    return Candidate(region, seen(Step.OBSERVED, observation.sighting, note), line, is_fleeting)


def _flow(observation: PeerSeen) -> dict[str, str]:
    return {"protocol": observation.protocol, "port": str(observation.port)}


def _named(observation: PeerSeen) -> str:
    return f"{observation.direction.value} {observation.protocol} {observation.port}"


def _host(observation: PeerSeen, host: str, policy: CheckedPolicy) -> Iterator[Candidate]:
    """A Service's DNS name stands for its pods; any other name for itself."""
    name = service_of_host(host)
    fact = policy.services.get(name) if name is not None else None
    if fact is not None and fact.selector:
        yield from _behind(observation, fact)
        return
    box = {**_flow(observation), "host": host}
    region = EGRESS_HOST.single(box)
    line = f"{_named(observation)} to host {host}"
    reason = seen(Step.OBSERVED, observation.sighting)
    yield Candidate(region, reason, line, is_fleeting=name is not None)


def _pods(observation: PeerSeen) -> Candidate:
    """The pods by their lasting labels.

    Where there is none, or the namespace is unknown, a selector would match far more
    than what was seen.
    """
    domain = DOMAINS[f"{observation.direction.value}_peer"]
    labels = stable_labels(dict(observation.pod_labels))
    spaces = observation.namespace_labels
    side = "to" if observation.direction is Direction.EGRESS else "from"
    note = "the labels that the pod's owner gives it"
    return Candidate(
        domain.single({**_flow(observation), **_labelled(labels, spaces)}),
        seen(Step.OWNER_SELECTOR, observation.sighting, note),
        f"{_named(observation)} {side} {pods(labels, spaces)}",
        is_fleeting=not (spaces and labels),
    )


def _labelled(pod: _Labels, namespace: _Labels) -> dict[str, str]:
    """The elements of the label axes."""
    families = (("pod", pod), ("namespace", namespace))
    return {f"{family}:{key}": f"={value}" for family, pairs in families for key, value in pairs}


def _behind(observation: PeerSeen, fact: ServiceFact) -> Iterator[Candidate]:
    """The pods behind a Service, on the port of theirs that was meant.

    A headless Service's names lead to the pods themselves, so a pod's port is one too.
    """
    name = f"{fact.namespace}/{fact.name}"
    line = f"{_named(observation)} to service {name}"
    targets = [
        (port, target)
        for protocol, port, target in fact.ports
        if protocol == observation.protocol and target > 0
    ]
    meant = {target for port, target in targets if port == observation.port} or {
        target for _, target in targets if target == observation.port
    }
    space = ((NAMESPACE_LABEL, fact.namespace),)
    for target in sorted(meant) or [observation.port]:
        flow = {"protocol": observation.protocol, "port": str(target)}
        region = EGRESS_PEER.single({**flow, **_labelled(fact.selector, space)})
        note = f"Service {name} port {observation.port} leads to port {target} of its pods"
        reason = seen(Step.OWNER_SELECTOR, observation.sighting, note)
        # A port that the Service does not offer leads nowhere that would last.
        yield Candidate(region, reason, line, is_fleeting=not meant)
