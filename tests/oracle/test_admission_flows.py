"""The union of a cluster's NetworkPolicies, against the independent evaluator."""

from __future__ import annotations

import random
from typing import Any

from support.oracle.flows import Peer, passes, selects
from support.scale import MANY
from support.widening import network_policy

from policyc.admission.flows import DIRECTIONS, excess, selecting
from policyc.admission.view import View
from policyc.envelope.domains import DOMAINS

Json = Any  # random documents
NAMESPACE = "kubernetes.io/metadata.name"
SPACES = ("agents", "mcp")
PORTS = (53, 80, 443)
ADDRESSES = ("10.0.0.1", "10.1.0.1", "192.0.2.1", "2001:db8::1")
BLOCKS = ("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "192.0.2.1/32")
EMPTY = {name: domain.empty for name, domain in DOMAINS.items()}


def selector(rng: random.Random, key: str) -> Json:
    kind = rng.random()
    if kind < 0.3:
        return {}
    if kind < 0.7:
        return {"matchLabels": {key: rng.choice("abc")}}
    operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    values = {"values": rng.sample("abc", 2)} if operator.endswith("In") else {}
    return {"matchExpressions": [{"key": key, "operator": operator, **values}]}


def peer_of(rng: random.Random) -> Json:
    kind = rng.random()
    if kind < 0.4:
        cidr = rng.choice(BLOCKS)
        holes = {"except": ["10.1.0.0/16"]} if cidr == "10.0.0.0/8" and rng.random() < 0.5 else {}
        return {"ipBlock": {"cidr": cidr, **holes}}
    if kind < 0.6:
        return {"podSelector": selector(rng, "app")}
    spaces = (
        {"matchLabels": {NAMESPACE: rng.choice(SPACES)}} if kind < 0.8 else selector(rng, "team")
    )
    made = {"namespaceSelector": spaces}
    return made | ({"podSelector": selector(rng, "app")} if rng.random() < 0.5 else {})


def rules(rng: random.Random, side: str) -> Json:
    made = []
    for _ in range(rng.randint(0, 2)):
        one: Json = {}
        if rng.random() < 0.8:
            one[side] = [peer_of(rng) for _ in range(rng.randint(0, 2))]
        if rng.random() < 0.7:
            port: Json = {"port": rng.choice(PORTS), "protocol": rng.choice(("TCP", "UDP"))}
            one["ports"] = [port | ({"endPort": 500} if rng.random() < 0.3 else {})]
        made.append(one)
    return made


def policy(rng: random.Random, number: int) -> Json:
    types = rng.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    spec = {"egress": rules(rng, "to"), "ingress": rules(rng, "from"), "policyTypes": types}
    return network_policy(
        f"p{number}", rng.choice(SPACES), podSelector=selector(rng, "app"), **spec
    )


def other_end(rng: random.Random) -> tuple[Peer, str, dict[str, str]]:
    if rng.random() < 0.5:
        address = rng.choice(ADDRESSES)
        return Peer(address=address), "ip", {"address": address}
    space, app, team = rng.choice(SPACES), rng.choice("abcd"), rng.choice("abcd")
    made = Peer("", space, ((NAMESPACE, space), ("team", team)), (("app", app),))
    labels = {f"namespace:{NAMESPACE}": f"={space}", "namespace:team": f"={team}", "pod:app": f"={app}"}  # fmt: skip
    return made, "peer", labels


def test_a_flow_is_let_through_exactly_when_the_union_lets_it() -> None:
    said = {True: 0, False: 0}
    for seed in range(MANY * 3):
        rng = random.Random(seed)
        policies = [policy(rng, i) for i in range(rng.randint(0, 5))]
        labels = {"app": rng.choice("abcd")} if rng.random() < 0.9 else {}
        view = View.of(policies)
        mine = [p for p in policies if p["metadata"]["namespace"] == "agents" and selects(p["spec"]["podSelector"], labels)]  # fmt: skip
        assert {p.name for p in selecting(view, "agents", labels)} == {
            p["metadata"]["name"] for p in mine
        }
        let = excess(view, "agents", labels, EMPTY).flows()
        for _ in range(40):
            peer, kind, where = other_end(rng)
            protocol, port = rng.choice(("tcp", "udp")), rng.choice((*PORTS, 450, 501))
            for direction in DIRECTIONS:
                holding = [p for p in mine if direction.capitalize() in p["spec"]["policyTypes"]]
                answer = not holding or any(passes(p, direction, peer, protocol, port) for p in holding)  # fmt: skip
                name = f"{direction}_{kind}"
                at = {"protocol": protocol, "port": str(port), **where}
                assert (at in let.get(name, DOMAINS[name].empty)) == answer, (seed, direction, at)
                said[answer] += 1
    assert min(said.values()) > MANY
