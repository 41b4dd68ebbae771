"""The blast score: deterministic, and monotone in the permission and in the agents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.catalog.blast import DATA, SYSTEM
from policyc.denote.rbac import permitted
from policyc.envelope.domains import DOMAINS, EGRESS_IP, KUBE, TOOLS
from policyc.envelope.region import Region
from policyc.reconcile.blast import Level, blast, downstream

VERBS = sorted({verb for row in (*DATA, *SYSTEM) for verb in row.verbs} | {"*"})
RESOURCES = sorted({name for row in (*DATA, *SYSTEM) for name in row.resources} | {"*", "widgets"})
RULES = st.builds(
    lambda verbs, resources, namespace: permitted(
        [{"verbs": verbs, "apiGroups": ["*"], "resources": resources}], namespace
    )[0],
    st.lists(st.sampled_from(VERBS), max_size=3),
    st.lists(st.sampled_from(RESOURCES), max_size=3),
    st.sampled_from(("", "demo", "other")),
)
FLOWS = st.lists(st.sampled_from(("0.0.0.0/0", "10.0.0.0/8", "169.254.169.254/32", "::/0"))).map(
    lambda networks: EGRESS_IP.union(EGRESS_IP.written({"address": n}) for n in networks)
)
AGENTS = "abcde"
EDGES = st.dictionaries(
    st.sampled_from(AGENTS), st.lists(st.sampled_from(AGENTS), max_size=3).map(tuple)
)


def score(region: Region, below: int = 0) -> int:
    return blast(region, "demo", below).score


@given(st.one_of(st.tuples(RULES, RULES), st.tuples(FLOWS, FLOWS)), st.integers(0, 9))
def test_more_permission_never_scores_lower_m8(pair: tuple[Region, Region], below: int) -> None:
    a, b = pair
    assert score(a | b, below) >= max(score(a, below), score(b, below))
    assert score(a & b, below) <= min(score(a, below), score(b, below))
    assert score(a, below) == score(a, below)


@given(EDGES, st.sampled_from(AGENTS), st.sampled_from(AGENTS), RULES)
def test_adding_a_delegate_never_lowers_a_score_m8(
    edges: dict[str, tuple[str, ...]], giver: str, taker: str, region: Region
) -> None:
    more = {**edges, giver: (*edges.get(giver, ()), taker)}
    for agent in AGENTS:
        before, after = downstream(agent, edges), downstream(agent, more)
        assert before <= after
        assert agent not in after
        assert score(region, len(after)) >= score(region, len(before))


def test_downstream_is_transitive_and_ends_in_circles() -> None:
    edges = {"a": ("b",), "b": ("c", "a"), "c": ("a",)}
    assert downstream("a", edges) == {"b", "c"}
    assert downstream("d", edges) == frozenset()


def rule(verb: str, resource: str, namespace: str = "demo", group: str = "*") -> Region:
    return permitted([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}], namespace)[0]  # fmt: skip


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (rule("get", "secrets"), (4, 0, 0)),
        (rule("list", "configmaps"), (2, 0, 0)),
        (rule("get", "widgets"), (1, 0, 0)),
        (rule("create", "pods"), (0, 3, 0)),
        (rule("create", "pods/exec"), (0, 4, 0)),
        (rule("escalate", "roles"), (0, 4, 0)),
        (rule("delete", "configmaps"), (3, 2, 0)),
        (rule("patch", "widgets"), (0, 2, 0)),
        (rule("get", "secrets", ""), (4, 0, 1)),
        (rule("*", "*", ""), (4, 4, 1)),
        (EGRESS_IP.written({"address": "192.0.2.1/32"}), (1, 0, 0)),
        (EGRESS_IP.written({"address": "0.0.0.0/0"}), (4, 0, 0)),
        (EGRESS_IP.written({"address": "169.254.169.254/32"}), (4, 0, 0)),
        (TOOLS.written({"server": "a", "tool": "b"}), (2, 2, 0)),
    ],
)
def test_levels_of_the_table_m8(region: Region, expected: tuple[int, int, int]) -> None:
    found = blast(region, "demo", 0)
    assert (found.data, found.system, found.scope) == expected


def test_nothing_scores_nothing_and_levels_follow_the_score() -> None:
    for name in ("kube", "egress_ip", "egress_peer", "tools"):
        assert score(DOMAINS[name].empty) == 0
    levels = [blast(rule("get", "secrets"), "demo", below).level for below in (0, 1, 2)]
    assert levels == [Level.MEDIUM, Level.HIGH, Level.CRITICAL]
    assert blast(KUBE.empty, "", 5).level is Level.LOW
