"""What an account is granted through any binding, against the independent authorizer."""

from __future__ import annotations

import random
from typing import Any

from support.oracle.authorizer import Request, allowed
from support.scale import MANY
from support.widening import RBAC_API, binding, cluster_role, group, role, user

from policyc.admission.grants import NOTHING, held
from policyc.admission.view import View

Json = Any  # random documents
ACCOUNT = ("agents", "research")
SPACES = ("agents", "mcp")
GROUPS = ("", "apps", RBAC_API, "*")
RESOURCES = ("configmaps", "secrets", "pods", "pods/log", "*")
STAR = ["*/log"]
VERBS = ("get", "list", "create", "update", "*")
NAMES = ("one", "two")
URLS = ("/metrics", "/logs/*", "*", "/api")
SUBJECTS = (
    {"kind": "ServiceAccount", "namespace": "agents", "name": "research"},
    {"kind": "ServiceAccount", "namespace": "mcp", "name": "research"},
    {"kind": "ServiceAccount", "namespace": "agents", "name": "web"},
    user("system:serviceaccount:agents:research"),
    user("system:serviceaccount:agents:research:x"),
    user("system:anonymous"),
    user("research"),
    group("system:serviceaccounts:agents"),
    group("system:serviceaccounts:mcp"),
    group("system:serviceaccounts"),
    group("system:authenticated"),
    group("system:unauthenticated"),
    group("system:masters"),
)


def rule(rng: random.Random) -> Json:
    if rng.random() < 0.15:
        return {"verbs": [rng.choice(("get", "*"))], "nonResourceURLs": [rng.choice(URLS)]}
    made = {
        "apiGroups": rng.sample(GROUPS, rng.randint(1, 2)),
        "resources": rng.sample(RESOURCES, rng.randint(1, 2)) + (STAR * (rng.random() < 0.02)),
        "verbs": rng.sample(VERBS, rng.randint(1, 2)),
    }
    return made | ({"resourceNames": [rng.choice(NAMES)]} if rng.random() < 0.3 else {})


def objects(rng: random.Random) -> list[Json]:
    made = []
    for name in ("a", "b", "c", "d"):
        labels = {"metadata": {"labels": {"to": rng.choice("abcd")}}} if rng.random() < 0.5 else {}
        aggregates = rng.random() < 0.3
        more = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": rng.choice("abcd")}}]}} if aggregates else {}  # fmt: skip
        rules = [] if aggregates else [rule(rng) for _ in range(rng.randint(1, 2))]
        made.append(cluster_role(*rules, name=name, **labels, **more))
    made += [role(rule(rng), name="a", namespace=space) for space in SPACES]
    for i in range(rng.randint(1, 4)):
        namespace = rng.choice(("", *SPACES))
        kind = (
            "Role/a" if namespace and rng.random() < 0.3 else f"ClusterRole/{rng.choice('abcdx')}"
        )
        subjects = rng.sample(SUBJECTS, rng.randint(1, 2))
        made.append(binding(*subjects, role=kind, name=f"b{i}", namespace=namespace))
    return made


def request(rng: random.Random) -> Request:
    if rng.random() < 0.15:
        return Request("get", url=rng.choice(("/metrics", "/logs/x", "/logs", "/api", "/apis")))
    resource = rng.choice(("configmaps", "secrets", "pods", "pods/log", "services/log"))
    verb = rng.choice(("get", "list", "create", "update", "deletecollection"))
    nameless = verb == "deletecollection" or (verb == "create" and "/" not in resource)
    name = "" if nameless else rng.choice((*NAMES, "three", ""))
    return Request(verb, rng.choice(GROUPS[:3]), resource, rng.choice(SPACES), name)


def point(asked: Request) -> dict[str, str]:
    if asked.url:
        return {"verb": asked.verb, "url": asked.url}
    return {"group": asked.group, "resource": asked.resource, "verb": asked.verb, "namespace": asked.namespace, "name": asked.name}  # fmt: skip


def controlled(bodies: list[Json]) -> list[Json]:
    """The cluster after its controller has written what flows into aggregated roles.

    Round by round, until nothing changes any more, as the controller does it.
    """
    roles = {o["metadata"]["name"]: o for o in bodies if o["kind"] == "ClusterRole"}
    is_settled = False
    while not is_settled:
        is_settled = True
        for one in roles.values():
            wanted = one.get("aggregationRule", {}).get("clusterRoleSelectors", ())
            flowing = [
                r
                for selector in wanted
                for other in roles.values()
                if other is not one
                and other["metadata"].get("labels", {}).get("to") == selector["matchLabels"]["to"]
                for r in other["rules"]
            ]
            missing = [r for r in flowing if r not in one["rules"]]
            one["rules"] = one["rules"] + missing
            is_settled = is_settled and not missing
    return bodies


def test_an_account_is_granted_what_the_authorizer_allows_it() -> None:
    said = {True: 0, False: 0}
    for seed in range(MANY * 3):
        rng = random.Random(seed)
        bodies = objects(rng)
        granted = NOTHING
        for part in held(View.of(bodies), "/".join(ACCOUNT)).values():
            granted |= part
        after = controlled(bodies)
        # `*/sub` is read as every resource: more than it is, never less.
        star_sub = any("*/log" in r.get("resources", ()) for o in after for r in o.get("rules", ()))
        for _ in range(40):
            asked = request(rng)
            answer = allowed(after, ACCOUNT, asked)
            region = granted.urls if asked.url else granted.kube
            if star_sub:
                assert point(asked) in region or not answer, (seed, asked)
            else:
                assert (point(asked) in region) == answer, (seed, asked)
            said[answer] += 1
    assert min(said.values()) > MANY
