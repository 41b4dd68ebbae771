"""Who widens what NetworkPolicies let an agent's pods do: flow by flow.

A policy is judged over concrete flows by the evaluator of this room (flows.py).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache, lru_cache

from support.oracle.flows import Peer, passes, selects
from support.oracle.world import (
    NAMESPACE,
    Fault,
    Flow,
    Json,
    World,
    annotations_of,
    labels_of,
    may_flow,
    space_of,
)

DIRECTIONS = ("egress", "ingress")
ADDRESSES = ("10.0.0.1", "10.1.0.1", "192.0.2.1", "169.254.20.10", "2001:db8::1")
SPACES = ("agents", "mcp", "kube-system", "elsewhere")
TEAMS = (None, "a", "z")
APPS = (None, "a", "web", "z")
PORTS = (9, 53, 443, 450, 8080, 8500)


def _pods() -> Iterator[Peer]:
    for space, team, app, dns in itertools.product(SPACES, TEAMS, APPS, (None, "kube-dns")):
        named = ((NAMESPACE, space), *([("team", team)] if team else []))
        pod = (*([("app", app)] if app else []), *([("k8s-app", dns)] if dns else []))
        yield Peer("", space, named, pod)


PEERS = (*(Peer(address=a) for a in ADDRESSES), *_pods())
FLOWS = tuple(itertools.starmap(Flow, itertools.product(DIRECTIONS, ("tcp", "udp"), PORTS, PEERS)))
"""Those of which the answers tell all policies of the generated reviews apart."""


@lru_cache(maxsize=1024)
def _passed(policy: str) -> frozenset[Flow]:
    """The flows that a policy (JSON) lets through, of the directions that it isolates."""
    read = json.loads(policy)
    return frozenset(
        f
        for f in FLOWS
        if isolates(read, f.direction) and passes(read, f.direction, f.peer, f.protocol, f.port)
    )


def passed(policy: Json) -> frozenset[Flow]:
    kept = {"metadata": {"namespace": space_of(policy)}, "spec": policy["spec"]}
    return _passed(json.dumps(kept, sort_keys=True))


@cache
def _forbidden(envelope: str) -> frozenset[Flow]:
    read = json.loads(envelope)
    return frozenset(f for f in FLOWS if not may_flow(read, f))


def forbidden(world: World, agent: str) -> frozenset[Flow]:
    """The flows that an agent may not have."""
    spec = world.envelopes[agent]["spec"]
    kept = {name: spec["domains"][name] for name in spec["domains"] if "gress" in name}
    return _forbidden(json.dumps({"spec": {"cluster": spec["cluster"], "domains": kept}}))


def isolates(policy: Json, direction: str) -> bool:
    return direction.capitalize() in policy["spec"]["policyTypes"]


def chosen(world: World, namespace: str, labels: dict[str, str]) -> list[Json]:
    """The policies that select a pod."""
    listed = world.all("NetworkPolicy", namespace)
    return [p for p in listed if selects(p["spec"]["podSelector"], labels)]


def let(world: World, namespace: str, labels: dict[str, str]) -> set[Flow]:
    """What a pod may do: everything where no policy isolates it, else what any lets through."""
    policies = chosen(world, namespace, labels)
    found: set[Flow] = set().union(*map(passed, policies))
    for direction in DIRECTIONS:
        if not any(isolates(p, direction) for p in policies):
            found |= {f for f in FLOWS if f.direction == direction}
    return found


def pod_within(world: World, agent: str, namespace: str, labels: dict[str, str], was: dict[str, str] | None) -> Iterator[Fault]:  # fmt: skip
    """A pod may do no more than its agent, or no more than it could with the labels it had."""
    over = let(world, namespace, labels) & forbidden(world, agent)
    if over and (was is None or over - let(world, namespace, was)):
        yield Fault(agent, "the network lets too much through")


def agents_labels(world: World, agent: str) -> list[dict[str, str]]:
    """The labels of an agent's pods: those that select it, and those that its pods have."""
    subject = world.subject(agent)
    found = [dict(subject["podLabels"])]
    for pod in world.all("Pod"):
        spec = pod["spec"]
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        if f"{space_of(pod)}/{name}" == subject["serviceAccount"]:
            found.append(labels_of(pod))
    return found


_CLEANERS = ("system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager")  # fmt: skip


def is_emptied(request: Json, world: World) -> bool:
    """Whether an object goes with its namespace, which is being deleted."""
    space = world.get("Namespace", "", request["namespace"])
    is_end = bool(space and space["metadata"].get("deletionTimestamp"))
    return is_end and request["object"] is None and request["userInfo"]["username"] in _CLEANERS


def policy_changes(world: World, namespace: str, old: Json, new: Json) -> Iterator[Fault]:
    """A policy lets no agent do more than it did itself, and isolates it as before."""
    for agent in world.agents(namespace):
        for labels in agents_labels(world, agent):
            then = old if old and selects(old["spec"]["podSelector"], labels) else None
            now = new if new and selects(new["spec"]["podSelector"], labels) else None
            more = set(passed(now)) if now else set()
            more -= passed(then) if then else set()
            if then:
                more |= _opened(world, namespace, labels, then, now)
            if more & forbidden(world, agent):
                yield Fault(agent, "flows grow")


def _opened(world: World, namespace: str, labels: dict[str, str], then: Json, now: Json) -> set[Flow]:  # fmt: skip
    """Everything of a direction that nothing isolates any more."""
    name = then["metadata"]["name"]
    left = [p for p in chosen(world, namespace, labels) if p["metadata"]["name"] != name]
    left += [now] if now else []
    lost = [d for d in DIRECTIONS if isolates(then, d) and not any(isolates(p, d) for p in left)]
    return {f for f in FLOWS if f.direction in lost}


def reached(world: World, old: dict[str, str], new: dict[str, str]) -> Iterator[Fault]:
    """A namespace becomes a peer of an agent by labels that it did not have."""
    for policy in world.all("NetworkPolicy"):
        for selector in _namespace_selectors(policy["spec"]):
            if _is_by_name(selector) or not selects(selector, new) or selects(selector, old):
                continue
            for agent in world.agents(space_of(policy)):
                if selects(policy["spec"]["podSelector"], world.subject(agent)["podLabels"]):
                    yield Fault(agent, "a namespace is reached", policy["metadata"]["name"])


def _namespace_selectors(spec: Json) -> Iterator[Json]:
    for direction, side in (("egress", "to"), ("ingress", "from")):
        for rule in spec.get(direction) or []:
            for peer in rule.get(side) or []:
                if "namespaceSelector" in peer:
                    yield peer["namespaceSelector"]


def _is_by_name(selector: Json) -> bool:
    """Whether it looks at nothing that could be changed."""
    keys = {*selector.get("matchLabels", {})}
    keys |= {e["key"] for e in selector.get("matchExpressions", [])}
    return keys <= {NAMESPACE}


def holds_back_as_before(old: Json, new: Json) -> bool:
    """Whether a policy selects the same pods, isolates as much and lets no more through."""
    return (
        _selected(old) == _selected(new)
        and all(isolates(new, d) or not isolates(old, d) for d in DIRECTIONS)
        and not any(f for f in passed(new) - passed(old) if isolates(old, f.direction))
    )


def _selected(policy: Json) -> list[bool]:
    """Which of all pods that can be told apart it selects."""
    named = ("research", "summary", "digest", None)
    return [
        selects(policy["spec"]["podSelector"], _without_none(agent, app))
        for agent in named
        for app in APPS
    ]


def _without_none(agent: str | None, app: str | None) -> dict[str, str]:
    found = {"policyc.dev/agent": agent, "app": app}
    return {key: value for key, value in found.items() if value is not None}


def marks(body: Json) -> dict[str, str]:
    """What an object that was made from the policy says of itself."""
    return {k: v for k, v in annotations_of(body).items() if k.startswith("policyc.dev/")}
