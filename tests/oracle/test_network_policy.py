"""NetworkPolicy against an independent evaluator: no flow is judged differently."""

from __future__ import annotations

import random

from support.envelopes import APPS, NAMESPACE, SPACES, envelope
from support.oracle.flows import Peer, passes
from support.scale import MANY

from policyc.emit.network_policy import NETWORK_POLICY
from policyc.pipeline.artifacts import from_bytes, to_bytes

ADDRESSES = (
    "10.0.0.1", "10.1.2.3", "10.1.2.4", "192.0.2.1", "192.0.2.200", "203.0.113.7", "8.8.8.8",
    "2001:db8::1", "2001:db8::9", "2001:4860::1", "198.51.100.1", "169.254.20.10",
)  # fmt: skip
PORTS = (1, 10, 53, 80, 90, 91, 443, 5432, 65535)


def peers(rng: random.Random) -> Peer:
    if rng.random() < 0.5:
        return Peer(address=rng.choice(ADDRESSES))
    space = rng.choice(SPACES)
    labels = {}
    if rng.random() < 0.8:
        labels["app"] = rng.choice((*APPS, "z"))
    if rng.random() < 0.4:
        labels["tier"] = rng.choice(("db", "web"))
    if rng.random() < 0.2:
        labels["k8s-app"] = "kube-dns"
    return Peer(
        namespace=space,
        namespace_labels=((NAMESPACE, space),),
        pod_labels=tuple(sorted(labels.items())),
    )


def point(peer: Peer, protocol: str, port: int) -> tuple[str, dict[str, str]]:
    flow = {"protocol": protocol, "port": str(port)}
    if not peer.is_pod:
        return "ip", {**flow, "address": peer.address}
    labels = {f"pod:{k}": f"={v}" for k, v in peer.pod_labels}
    spaces = {f"namespace:{k}": f"={v}" for k, v in peer.namespace_labels}
    return "peer", {**flow, **labels, **spaces}


def test_flows_pass_exactly_when_envelope_or_a_documented_step_grants_them() -> None:
    for seed in range(MANY):
        rng = random.Random(seed)
        case = envelope(rng)
        emission = NETWORK_POLICY.emit(case)
        artifact = emission.artifacts[0]
        policy = from_bytes(artifact.path, to_bytes(artifact.path, artifact.document))
        assert isinstance(policy, dict)
        ceiling = NETWORK_POLICY.ceiling(case)
        narrowed = {n.domain for n in emission.narrowed}
        for _ in range(60):
            peer, protocol, port = peers(rng), rng.choice(("tcp", "udp", "sctp")), rng.choice(PORTS)
            kind, where = point(peer, protocol, port)
            for direction in ("egress", "ingress"):
                answer = passes(policy, direction, peer, protocol, port)
                granted = where in ceiling[f"{direction}_{kind}"]
                assert granted or not answer, (seed, direction, where)
                if f"{direction}_{kind}" not in narrowed:
                    assert answer == granted, (seed, direction, where)
