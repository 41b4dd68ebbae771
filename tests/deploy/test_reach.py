"""What reaches agents from elsewhere: found in a cluster, written into conditions, read back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import bundle, view
from support.webhooks import TARGET, configuration
from support.widening import AGENT, READ, binding, cluster_role, group, network_policy, role, user

from policyc.catalog.default_roles import BOUND_TO_EVERYBODY
from policyc.deploy.conditions import texts, texts_in
from policyc.deploy.configurations import Target
from policyc.deploy.judge import judge
from policyc.deploy.reach import ALL, Reach, reach_of, reach_of_envelopes, written

Json = Any  # tests build documents of every shape
ODD = "a'] || true || ['"
PART = {"clusterRoleSelectors": [{"matchLabels": {"into": "whole"}}]}
HELD: dict[str, tuple[tuple[Json, ...], set[str]]] = {
    "by name": ((binding(AGENT, role="ClusterRole/a", namespace=""),), {"a"}),
    "by user": ((binding(user("system:serviceaccount:agents:research"), role="ClusterRole/a"),), {"a"}),
    "by group": ((binding(group("system:authenticated"), role="ClusterRole/a"),), {"a"}),
    "by somebody else": ((binding(user("someone"), role="ClusterRole/a"),), set()),
    "elsewhere": ((binding(AGENT, role="Role/a", namespace="mcp"), role(READ, name="a", namespace="mcp")), {"mcp/a"}),
    "in the agents' namespace": ((binding(AGENT, role="Role/a"),), set()),
    "in parts": (
        (
            binding(AGENT, role="ClusterRole/whole"),
            cluster_role(name="whole", aggregationRule=PART),
            cluster_role(READ, name="part", metadata={"labels": {"into": "whole"}}),
        ),
        {"whole", "part"},
    ),
    "in parts that cannot be read": (
        (binding(AGENT, role="ClusterRole/whole"), cluster_role(name="whole", aggregationRule=[])),
        {ALL},
    ),
    "under a name that CEL would read": ((binding(AGENT, role=f"ClusterRole/{ODD}"),), {ODD}),
}  # fmt: skip


def found(*more: Json) -> Reach:
    return reach_of(view(*more), bundle())


@pytest.mark.parametrize("name", HELD)
def test_roles_that_agents_have(name: str) -> None:
    bodies, expected = HELD[name]
    usual = found().roles
    assert found(*bodies).roles == (expected if ALL in expected else usual | expected)


def test_labels_by_which_agents_policies_choose_namespaces() -> None:
    to_teams = [{"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]
    assert found(network_policy(egress=to_teams)).labels == found().labels | {"team"}
    assert found(network_policy(namespace="mcp", egress=to_teams)).labels == found().labels
    compiled = reach_of_envelopes(bundle()).labels
    assert compiled == found().labels, "the example cluster holds what the compiler made"


def test_without_a_bundle_nothing_is_known_of_what_reaches_agents() -> None:
    """So that nobody takes for gone what is not in it."""
    assert reach_of(view(), None) == Reach()
    assert not reach_of(view(), None).is_whole
    assert found().is_whole


@pytest.mark.parametrize(
    "reach",
    [
        Reach(),
        Reach.of({"a", "b/c:d"}, ()),
        Reach.of((), {"team", "example.com/tier"}),
        Reach.of({f"r{i}" for i in range(5000)}, {"team"}),
    ],
    ids=["none", "roles", "labels", "too many"],
)
def test_what_is_written_is_read_back_and_clean(reach: Reach) -> None:
    target = Target(TARGET.namespaces, ca_bundle="Q0E=", reach=reach)
    live = configuration(target=target)
    assert written(live) == reach | Reach.of(BOUND_TO_EVERYBODY, ())
    assert judge(live, target, is_live=True) == []
    assert judge(live, TARGET, is_live=True) == [], "more names hold more back"
    longest = max(
        len(c["expression"]) for e in live["webhooks"] for c in e.get("matchConditions", ())
    )
    assert longest < 100_000, "cel-go refuses longer ones"


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)))
def test_any_name_is_written_as_one_text(names: set[str]) -> None:
    """Only what no expression reads as its own: no quote, no bracket, no backslash but for a number."""
    form = texts(sorted(names))
    assert texts_in(form) == sorted(names)
    assert re.fullmatch(r"\[(('([A-Za-z0-9:._/*-]|\\U[0-9a-f]{8})+'(, )?)*)\]", form)


MANY = {f"mcp/r{i}" for i in range(4000)}


def test_one_who_binds_many_roles_closes_his_own_namespace() -> None:
    reach = Reach.of(MANY | {"view", "web/a"}, ())
    assert reach.roles == {"mcp/*", "view", "web/a"}
    assert reach.wildcards == {"mcp/*"}
    assert Reach.of({"mcp/r1"}, ()) <= reach
    assert reach | Reach.of({"mcp/r2"}, ()) == reach
    spaces = {f"n{i}/role" for i in range(5000)}
    assert Reach.of(spaces, ()).wildcards == {ALL}
    assert Reach.of(MANY | {f"cluster-role-{i}" for i in range(4000)}, ()).roles == {ALL}


@given(
    st.sets(st.sampled_from(["a", "b/x", "b/y", "c/*", "c/z", ALL])),
    st.sets(st.sampled_from(["a", "b/x", "b/y", "c/*", "c/z", ALL])),
)
def test_reaches_are_ordered_by_what_they_hold_back(some: set[str], more: set[str]) -> None:
    one, other = Reach.of(some, ()), Reach.of(more, ())
    assert one <= one | other
    assert (one | other) == (other | one)
    assert (one <= other <= one) == (one == other)


def test_names_that_are_missing_let_requests_past() -> None:
    wanted = Target(TARGET.namespaces, ca_bundle="Q0E=", reach=Reach.of({"a"}, {"team"}))
    faults = judge(configuration(), wanted, is_live=True)
    assert {fault.code for fault in faults} == {"PC8109"}
    for what in ("clusterroles", "roles", "namespaces"):
        assert any(f"`{what}" in fault.message for fault in faults), what
