"""Dormant permissions: by name, in two kinds, with what is certain and what is decided."""

from __future__ import annotations

from typing import Any

import pytest
from support.agents import AS_OF, lowered, policy
from support.manifests import account, binding, cluster_role, group, role, rule
from support.recordings import profile, run, tool

from policyc.admission.view import View
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import Observed
from policyc.profiles.base import AgentProfile, Run, Value
from policyc.profiles.observed import observed
from policyc.reconcile.findings import findings
from policyc.reconcile.permission import Kind
from policyc.reconcile.reconciliation import Reconciliation, overdue, reconcile
from policyc.semantics.model import CheckedPolicy

Json = Any  # objects of the API
BOT = WorkloadRef("Deployment", "apps", "demo", "bot", "main")
VERBS = "get list watch create update patch delete"


def request(verb: str, resource: str, name: str = "") -> tuple[tuple[str, Value], ...]:
    values: list[tuple[str, Value]] = [("verb", verb), ("group", ""), ("resource", resource), ("namespace", "demo")]  # fmt: skip
    return (*values, ("name", name)) if name else tuple(values)


def recorded(*seen: tuple[tuple[str, Value], ...], domain: str = "kube", **fields: object) -> AgentProfile:  # fmt: skip
    return profile([run(0, **fields)], [{domain: seen}])


def judged(
    *objects: Json, seen: AgentProfile | None = None, by: CheckedPolicy | None = None
) -> Reconciliation:
    checked = by or policy()
    found = observed([("p.json", seen)], BOT, "demo/bot") if seen else Observed()
    envelope, _ = lowered(checked, found)
    return reconcile(checked.agents[0], checked, View.of(objects), found, envelope)


def names(one: Reconciliation, kind: Kind | None = None) -> set[str]:
    return {d.permission.name for d in one.dormant if kind in (None, d.kind)}


def own(*rules: Json) -> list[Json]:
    mine = role("bot", *rules)
    return [mine, binding("bot", mine, account())]


def test_forty_seven_declared_and_three_used_names_the_forty_four_m6() -> None:
    resources = ("pods", "services", "configmaps", "secrets", "events", "endpoints")
    declared = own(
        *(rule(VERBS, resource) for resource in resources),
        rule("get list watch create delete", "leases", "coordination.k8s.io"),
    )
    used = recorded(request("get", "pods", "x"), request("list", "services"), request("watch", "events"))  # fmt: skip
    one = judged(*declared, seen=used)
    every = {f"kube {verb} on {resource} in namespace demo" for resource in resources for verb in VERBS.split()}  # fmt: skip
    every |= {f"kube {verb} on leases.coordination.k8s.io in namespace demo" for verb in "get list watch create delete".split()}  # fmt: skip
    assert len(every) == len(one.declared) == 47
    assert one.used == 3
    assert names(one) == every - {
        "kube get on pods in namespace demo",
        "kube list on services in namespace demo",
        "kube watch on events in namespace demo",
    }
    assert len(names(one)) == 44
    assert all(d.is_certain and d.permission.sources[0].text == "RoleBinding demo/bot of Role bot" for d in one.dormant)  # fmt: skip


def test_a_policy_that_opens_everything_is_an_address_and_a_pod() -> None:
    """`egress: [{}]` is two permissions, each by a name that a policy could hold."""
    everything = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": "demo"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    one = judged(everything)
    assert [p.name for p in one.declared] == [
        "egress * * to anywhere",
        "egress * * to pods in any namespace",
    ]
    assert [p.domain for p in one.declared] == ["egress_ip", "egress_peer"]


def test_a_binding_whose_role_is_not_there_is_named() -> None:
    """Else a role that nobody passed would count as one that grants nothing."""
    view = cluster_role("view", rule("get", "pods"))
    bound = binding("v", view, account(), namespace="")
    one = judged(bound)
    (found,) = [d for d in findings(one, AS_OF, {}) if d.code == "PC3251"]
    assert "ClusterRole `view`" in found.message
    assert judged(view, bound).dangling == ()
    assert judged(binding("v", view, account("other"), namespace="")).dangling == ()


def others(how: str) -> list[Json]:
    """The same permission by a way that others share, and the agent's own beside it."""
    shared = cluster_role("shared", rule("list", "secrets"))
    match how:
        case "a group":
            return [shared, binding("all", shared, group("system:serviceaccounts:demo"))]
        case "everybody":
            return [shared, binding("all", shared, group("system:authenticated"), namespace="")]
        case "one of several":
            return [shared, binding("two", shared, account(), account("other"))]
        case "a role that others have":
            return [
                shared,
                binding("mine", shared, account()),
                binding("theirs", shared, account("other", "elsewhere"), namespace=""),
            ]
        case _:
            whole = cluster_role("view", aggregates={"to": "view"})
            part = cluster_role("part", rule("list", "secrets"), labels={"to": "view"})
            return [whole, part, binding("mine", whole, account())]


WAYS = ("a group", "everybody", "one of several", "a role that others have", "an aggregated role")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("has_own", [False, True])
def test_what_is_shared_is_inherited_overreach_with_its_binding_m30(
    how: str, has_own: bool
) -> None:
    mine = own(rule("list", "secrets"), rule("list", "pods"))
    one = judged(*others(how), *(mine if has_own else own(rule("list", "pods"))), seen=recorded(request("get", "pods")))  # fmt: skip
    (inherited,) = (d for d in one.dormant if d.kind is Kind.INHERITED_OVERREACH)
    assert inherited.permission.name.startswith("kube list on secrets")
    (source, *_) = [s for s in inherited.permission.sources if s.shared]
    assert "Binding" in source.text
    assert names(one, Kind.UNUSED_EXCESS) == {"kube list on pods in namespace demo"} | (
        {"kube list on secrets in namespace demo"} if has_own and how == "everybody" else set()
    )


def test_what_is_the_agents_own_is_unused_excess_m30() -> None:
    one = judged(*own(rule("get list", "pods")), seen=recorded(request("get", "pods")))
    assert names(one, Kind.UNUSED_EXCESS) == {"kube list on pods in namespace demo"}
    assert names(one, Kind.INHERITED_OVERREACH) == set()


def test_a_binding_of_others_gives_nothing() -> None:
    mine = role("bot", rule("get", "pods"))
    assert judged(mine, binding("b", mine, account("other"))).declared == ()


def test_use_is_judged_as_the_authorizer_would() -> None:
    """A name that was asked for uses the line without names, and the line of another name stays."""
    objects = own(rule("get", "configmaps"), rule("get", "secrets", names="a b"), rule("*", "pods"))
    used = recorded(request("get", "configmaps", "x"), request("get", "secrets", "a"), request("list", "pods"))  # fmt: skip
    assert names(judged(*objects, seen=used)) == {"kube get on secrets in namespace demo named b"}


@pytest.mark.parametrize(
    ("seen", "certain"),
    [
        (recorded(request("get", "pods")), True),
        (recorded(request("get", "pods"), loss=(("kube", 1),)), False),
        (recorded(tool("tracker", "read"), domain="tools"), False),
        (None, False),
    ],
    ids=["recorded", "lossy", "another domain", "nothing"],
)
def test_absence_proves_something_only_where_somebody_looked(
    seen: AgentProfile | None, certain: bool
) -> None:
    (one,) = judged(*own(rule("list", "pods")), seen=seen).dormant
    assert one.is_certain == certain


def test_tools_that_are_registered_and_never_called_m5() -> None:
    by = policy(lines='  allow tool tracker: * because "R"\n')
    one = judged(seen=recorded(tool("tracker", "read"), domain="tools"), by=by)
    assert {p.name for p in one.declared} == {"tool tracker: read", "tool tracker: write"}
    assert names(one) == {"tool tracker: write"}


def kagent(*tools: str) -> Json:
    server = {"type": "McpServer", "mcpServer": {"name": "tracker", "kind": "RemoteMCPServer", "toolNames": [*tools]}}  # fmt: skip
    return {
        "apiVersion": "kagent.dev/v1alpha2",
        "kind": "Agent",
        "metadata": {"name": "bot", "namespace": "demo"},
        "spec": {"type": "Declarative", "declarative": {"tools": [server]}},
    }


def test_kagents_registrations_are_declarations() -> None:
    one = judged(kagent("read", "write"), seen=recorded(tool("tracker", "read"), domain="tools"))
    assert names(one) == {"tool tracker: write"}
    assert one.dormant[0].permission.sources[0].text == "Agent demo/bot"


def network_policy(selector: Json, *to: Json, port: int = 443) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "out", "namespace": "demo"},
        "spec": {
            "podSelector": selector,
            "policyTypes": ["Egress"],
            "egress": [{"to": [*to], "ports": [{"port": port, "protocol": "TCP"}]}],
        },
    }


BLOCKS = ({"ipBlock": {"cidr": "192.0.2.0/24"}}, {"ipBlock": {"cidr": "198.51.100.0/24"}})


def test_egress_that_nobody_used() -> None:
    peer = (("protocol", "tcp"), ("port", 443), ("address", "192.0.2.7"))
    seen = recorded(peer, domain="egress")
    mine = judged(network_policy({"matchLabels": {"policyc.dev/agent": "bot"}}, *BLOCKS), seen=seen)
    assert names(mine, Kind.UNUSED_EXCESS) == {"egress tcp 443 to cidr 198.51.100.0/24"}
    everyones = judged(network_policy({}, *BLOCKS), seen=seen)
    assert names(everyones, Kind.INHERITED_OVERREACH) == names(mine)
    assert judged(network_policy({"matchLabels": {"app": "x"}}, *BLOCKS), seen=seen).declared == ()


def test_the_clusters_dns_is_nobodys_excess() -> None:
    kube_dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}  # fmt: skip
    assert judged(network_policy({}, kube_dns, port=53)).declared == ()


@pytest.mark.parametrize(
    "broken",
    [
        [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "bot", "namespace": "demo"}, "rules": "all"}],
        [role("bot", {"verbs": "get", "resources": ["pods"], "apiGroups": [""]})],
        [network_policy({"matchLabels": 1})],
    ],
    ids=["rules", "verbs", "selector"],
)  # fmt: skip
def test_what_cannot_be_read_is_not_left_out(broken: list[Json]) -> None:
    mine = role("bot")
    with pytest.raises(ValueError):
        judged(binding("bot", mine, account()), *broken, seen=recorded(request("get", "pods")))


# -- decisions -----------------------------------------------------------------------


def decided(*lines: str) -> CheckedPolicy:
    return policy(lines="".join(f"  dormant {line}\n" for line in lines))


def test_a_decision_covers_what_lies_in_its_grant_m9() -> None:
    by = decided('revoke kube list on pods, secrets in namespace demo until 2026-12-31 because "R"')
    one = judged(*own(rule("get list", "pods secrets")), seen=recorded(request("get", "pods")), by=by)  # fmt: skip
    assert {d.permission.name: d.disposition and d.disposition.decision for d in one.dormant} == {
        "kube list on pods in namespace demo": "revoke",
        "kube list on secrets in namespace demo": "revoke",
        "kube get on secrets in namespace demo": None,
    }
    assert one.idle == ()


def test_a_decision_on_a_part_decides_nothing_m9() -> None:
    by = decided('accept kube get on secrets in namespace demo named "a" until 2026-12-31 because "R"')  # fmt: skip
    one = judged(*own(rule("get", "secrets")), seen=recorded(request("get", "pods")), by=by)
    assert [d.disposition for d in one.dormant] == [None]
    assert len(one.idle) == 1


@pytest.mark.parametrize(("day", "late"), [("2026-08-31", 1), ("2026-09-01", 0), ("2026-09-02", 0)])
def test_a_decision_holds_to_the_end_of_its_day_m9(day: str, late: int) -> None:
    by = decided(f'justify kube get on pods until {day} because "R"')
    assert len(overdue(by.agents[0], AS_OF)) == late


def test_nothing_is_lost_between_runs() -> None:
    """More recording never makes more dormant."""
    objects = own(rule(VERBS, "pods configmaps"))
    asked = [request(verb, "pods") for verb in ("get", "list", "watch")]
    before = names(judged(*objects, seen=recorded(asked[0])))
    for number in range(2, 4):
        after = names(judged(*objects, seen=recorded(*asked[:number])))
        assert after < before
        before = after
    assert Run("x").sessions == 0
