"""Laws of what widens an agent from outside of its pod."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.admission import SETTINGS, TODAY, bundle, cluster, judge, pod, request, view
from support.scale import MANY
from support.widening import (
    AGENT,
    READ,
    SECRETS,
    binding,
    body,
    cluster_role,
    group,
    network_policy,
    role,
    user,
)

from policyc.admission.evaluate import evaluate
from policyc.admission.request import Operation, Request
from policyc.admission.view import View, kind_of

Json = Any  # random documents

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip

KNOWN: list[Json] = [
    *cluster(),
    pod(),
    binding(AGENT, namespace=""),
    cluster_role(READ, aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}),
    body("Service", "api", "agents", spec={"type": "ExternalName", "externalName": "x.y", "externalIPs": ["10.0.0.1"]}),
    body("Service", "api", "agents", status={"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}),
    body("EndpointSlice", "api", "agents", "discovery.k8s.io/v1", endpoints=[{"addresses": ["10.0.0.1"]}]),
    body("Endpoints", "api", "agents", subsets=[{"addresses": [{"ip": "10.0.0.1"}]}]),
    body("CiliumNetworkPolicy", "x", "agents", "cilium.io/v2", specs=[{"ingress": [{"action": "Allow"}]}]),
    network_policy(egress=[{"to": [{"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}], "ports": [{"port": 1, "endPort": 2}]}]),
]  # fmt: skip


def places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    return [path, *(p for key, part in inner for p in places(part, (*path, key)))]


def put(value: Json, path: tuple[Any, ...], what: Json) -> Json:
    """The document with something else at a path."""
    if not path:
        return what
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], what)
    return changed


@st.composite
def broken(draw: st.DrawFn) -> tuple[Json, Json]:
    """An object, and the same with anything anywhere; the kind stays what it is."""
    whole = draw(st.sampled_from(KNOWN))
    path = draw(st.sampled_from(places(whole)[1:]).filter(lambda p: p[0] not in ("kind", "apiVersion")))  # fmt: skip
    return whole, put(whole, path, draw(ANY))


def asked(made: Json, operation: str, old: Json, namespace: str) -> Request:
    """The request as the server would bring it, whatever is in the object."""
    known = request(body(made["kind"], "x", namespace, made["apiVersion"]), resource="things")
    return replace(
        known,
        operation=Operation(operation),
        object=made if operation != "DELETE" else None,
        old=old if operation in ("UPDATE", "DELETE") else None,
    )


@given(
    broken(),
    st.sampled_from(("CREATE", "UPDATE", "DELETE", "CONNECT")),
    st.sampled_from(("", "agents")),
    st.booleans(),
)
def test_whatever_is_in_an_object_there_is_a_verdict(
    found: tuple[Json, Json], operation: str, namespace: str, is_old_broken: bool
) -> None:
    whole, made = found
    new, old = (whole, made) if is_old_broken else (made, whole)
    verdict = judge(asked(new, operation, old, namespace))
    assert verdict.uid


@given(broken(), st.sampled_from(KNOWN))
def test_whatever_is_in_the_cluster_there_is_a_verdict(
    found: tuple[Json, Json], other: Json
) -> None:
    whole, made = found
    objects = dict(view().objects)
    kind = kind_of(whole)
    objects[kind] = {**objects.get(kind, {}), ("agents", "broken"): made}
    there = View(objects)
    for new in (pod(), other):
        verdict = evaluate(asked(new, "CREATE", None, "agents"), bundle(), there, SETTINGS, TODAY)
        assert verdict.uid


SUBJECTS = [AGENT, user("alice"), group("system:authenticated"), {**AGENT, "name": "summary"}]
ROLES = [
    role(READ),
    role(SECRETS),
    cluster_role(READ),
    cluster_role(SECRETS),
    cluster_role(SECRETS, name="part", metadata={"labels": {"to": "x"}}),
    cluster_role(name="whole", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"to": "x"}}]}),
]  # fmt: skip


def some_binding(rng: random.Random) -> Json:
    referred = rng.choice(("Role/extra", "ClusterRole/extra", "ClusterRole/whole"))
    namespace = rng.choice(("agents", "agents", ""))
    return binding(*rng.sample(SUBJECTS, 2), role=referred, name=f"b{rng.randrange(3)}", namespace=namespace)  # fmt: skip


def some_policy(rng: random.Random) -> Json:
    chosen = rng.choice(({}, {"matchLabels": {"policyc.dev/agent": "research"}}, {"matchLabels": {"app": "web"}}))  # fmt: skip
    rules = rng.choice(([], [{}], [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]))
    types = rng.choice((["Egress"], ["Ingress"], ["Egress", "Ingress"]))
    return network_policy(f"n{rng.randrange(3)}", podSelector=chosen, egress=rules, policyTypes=types)  # fmt: skip


def some_request(rng: random.Random, made: Json, old: Json) -> Request:
    if rng.random() < 0.2:
        return request(pod(rng.choice(("research", "summary"))))
    return request(made, "UPDATE", {**old, "metadata": made["metadata"]}) if rng.random() < 0.5 else request(made)  # fmt: skip


def test_one_more_binding_turns_no_denial_into_an_admission() -> None:
    denied = 0
    for seed in range(MANY):
        rng = random.Random(seed)
        there = [*rng.sample(ROLES, 3), *(some_binding(rng) for _ in range(2))]
        if rng.random() < 0.5:
            made = some_binding(rng)
            before = some_request(rng, made, some_binding(rng) | {"kind": made["kind"]})
        else:
            made = rng.choice(ROLES)
            same = [r for r in ROLES if r["kind"] == made["kind"]]
            before = some_request(rng, made, rng.choice(same))
        more = {**some_binding(rng), "metadata": {"name": "one-more", "namespace": "agents"}}
        if more["kind"] == "ClusterRoleBinding":
            more["metadata"] = {"name": "one-more"}
        if not judge(before, view(*there)).allowed:
            denied += 1
            assert not judge(before, view(*there, more)).allowed, seed
    assert denied > MANY // 10


def test_one_more_policy_turns_no_denial_into_an_admission() -> None:
    """Of pods that the generated policies hold back: where nothing did, one more is a repair."""
    denied = 0
    for seed in range(MANY):
        rng = random.Random(seed)
        there = [some_policy(rng) for _ in range(2)]
        before = some_request(rng, some_policy(rng), some_policy(rng))
        more = some_policy(rng)
        more["metadata"]["name"] = "one-more"
        if not judge(before, view(*there)).allowed:
            denied += 1
            assert not judge(before, view(*there, more)).allowed, seed
    assert denied > MANY // 10


def test_facts_that_outlive_a_change_are_those_of_the_new_view() -> None:
    """A view that grew step by step answers as one that was made at once."""
    for seed in range(MANY // 4):
        rng = random.Random(seed)
        grown, held = view(), cluster()
        for _ in range(4):
            body_ = rng.choice((some_binding(rng), some_policy(rng), rng.choice(ROLES)))
            kind, key = kind_of(body_), (body_["metadata"].get("namespace", ""), body_["metadata"]["name"])  # fmt: skip
            grown = grown.followed_by({**grown.objects, kind: {**grown.objects.get(kind, {}), key: body_}})  # fmt: skip
            held.append(body_)
            for made in (pod(), pod("summary"), some_policy(rng), some_binding(rng)):
                before = request(made)
                assert judge(before, grown) == judge(before, View.of(held)), seed
