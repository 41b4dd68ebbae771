"""Who widens what the API server lets an agent's account do: request by request.

A request is judged by the authorizer of this room.  Roles that others flow into are taken as
their controller will have written them.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from functools import cache

from support.oracle.authorizer import Request, applies, covers
from support.oracle.flows import selects
from support.oracle.world import Fault, Json, World, labels_of, may_ask, space_of

GROUPS = ("", "apps", "metrics.k8s.io")
"""The last of these and of the resources is named by no rule: only ``*`` has it."""
RESOURCES = ("configmaps", "secrets", "pods", "pods/log", "services")
SPACES = ("agents", "mcp", "default")
URLS = ("/metrics", "/logs/x", "/logs", "/api", "/apis/x")
ROLES = ("Role", "ClusterRole")
BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def _requests() -> Iterator[Request]:
    """Those of which the answers tell all roles of the generated reviews apart."""
    for verb, group, resource, space in itertools.product(
        ("get", "list", "create", "deletecollection"), GROUPS, RESOURCES, SPACES
    ):
        # A new object, and a deletion of all, are asked for without a name.
        nameless = verb == "deletecollection" or (verb == "create" and "/" not in resource)
        for name in ("",) if nameless else ("", "one", "two", "three"):
            yield Request(verb, group, resource, space, name)
    yield from (Request(verb, url=url) for verb in ("get", "post") for url in URLS)


ASKED = tuple(_requests())


@cache
def _covered(rule: str, space: str) -> frozenset[Request]:
    """The requests that a rule (JSON) lets through, bound in a namespace or (empty) everywhere."""
    read = json.loads(rule)
    return frozenset(
        asked
        for asked in ASKED
        if covers(read, asked) and (not space or (asked.namespace == space and not asked.url))
    )


def _given(rules: list[Json], space: str) -> set[Request]:
    found: set[Request] = set()
    for rule in rules:
        found |= _covered(json.dumps(rule, sort_keys=True), space)
    return found


def _settled(world: World) -> dict[tuple[str, str, str], list[Json]]:
    """(kind, namespace, name) -> rules, once the aggregating controller has nothing left to do."""
    bodies = [b for kind in ROLES for b in world.all(kind)]
    rules = {
        (b["kind"], space_of(b), b["metadata"]["name"]): copy.copy(b.get("rules") or [])
        for b in bodies
    }
    is_settled = False
    while not is_settled:
        is_settled = True
        for one in bodies:
            own = rules[one["kind"], space_of(one), one["metadata"]["name"]]
            wanted = (one.get("aggregationRule") or {}).get("clusterRoleSelectors", ())
            for selector, other in itertools.product(wanted, bodies):
                if other["kind"] == "ClusterRole" and selects(selector, labels_of(other)):
                    flowing = rules["ClusterRole", "", other["metadata"]["name"]]
                    missing = [rule for rule in flowing if rule not in own]
                    own += missing
                    is_settled = is_settled and not missing
    return rules


def by_binding(world: World, agent: str) -> dict[str, set[Request]]:
    """Binding -> what it lets an agent's account do."""
    namespace, _, name = world.subject(agent)["serviceAccount"].partition("/")
    rules = _settled(world)
    found = {}
    for kind in BINDINGS:
        for body in world.all(kind):
            if any(applies(s, (namespace, name), space_of(body)) for s in body["subjects"] or ()):
                ref, space = body["roleRef"], space_of(body)
                role = (ref["kind"], space if ref["kind"] == "Role" else "", ref["name"])
                found[f"{kind} {space}/{body['metadata']['name']}"] = _given(
                    rules.get(role, []), space
                )
    return found


def excess(world: World, agent: str) -> set[Request]:
    """What an agent's account may do and the agent may not."""
    given = set().union(*by_binding(world, agent).values())
    return {asked for asked in given if not may_ask(world.envelopes[agent], asked)}


def account_within(world: World, agent: str) -> Iterator[Fault]:
    """Nobody starts an agent whose account may already do too much."""
    if excess(world, agent):
        yield Fault(agent, "the account may do too much")


def widened(before: World, after: World) -> Iterator[Fault]:
    """What a change lets agents do, binding by binding: what one gives excuses no other."""
    for agent in after.agents():
        was = by_binding(before, agent)
        for binding, given in by_binding(after, agent).items():
            more = given - was.get(binding, set())
            if any(not may_ask(after.envelopes[agent], asked) for asked in more):
                yield Fault(agent, "grants grow", binding)
