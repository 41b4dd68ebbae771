"""Group F: the NetworkPolicies that select an agent's pods hold it back together."""

from __future__ import annotations

import copy

import pytest
from support.admission import (
    SETTINGS,
    Json,
    cluster,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.cases.networks import (
    FOREIGN,
    GENERATED,
    HARMLESS,
    KEY,
    NARROWED,
    OPEN,
    POLICIES,
    SERVICES,
    endpoint_slice,
    foreign,
    generated,
    running,
    service,
)
from support.cases.row import Row, each
from support.widening import body, labelled, labels_removed, network_policy, unknown, without

from policyc.admission.request import Object
from policyc.admission.view import View

ENDPOINT_SLICES = "system:serviceaccount:kube-system:endpointslice-controller"


@each(POLICIES)
def test_a_policy_that_widens_is_refused_and_if_it_is_there_the_pod_is(asked: Row) -> None:
    refused = judge(request(asked.made), view(*asked.there))
    assert reasons(refused) == asked.denied
    assert any("agents.agentpol:" in f.change for f in refused.denials)
    agent = asked.there[0] if asked.there else pod()
    assert "NP_WIDENS" in reasons(judge(request(agent), view(*asked.there, asked.made)))


@each(HARMLESS)
def test_a_policy_that_widens_no_agent_passes(asked: Row) -> None:
    assert judge(request(asked.made)).findings == ()
    assert judge(request(pod()), view(asked.made)).allowed


@each(GENERATED)
def test_a_generated_policy_stays_as_narrow(asked: Row) -> None:
    assert reasons(judge(request(asked.made, "UPDATE", asked.old))) == asked.denied
    (operator,) = SETTINGS.operators
    by_operator = request(asked.made, "UPDATE", asked.old, user=operator)
    assert reasons(judge(by_operator)) == {"NP_WIDENS"}
    there = reasons(judge(request(pod()), view(asked.made)))
    assert there & {"NP_WIDENS", "NO_DEFAULT_DENY"}


@each(SERVICES)
def test_services_do_not_lead_elsewhere(asked: Row) -> None:
    assert reasons(judge(request(asked.made))) == asked.denied
    assert judge(request(asked.made, "UPDATE", asked.made)).allowed


@each(FOREIGN)
def test_policies_of_other_kinds(asked: Row) -> None:
    made = asked.made
    assert reasons(judge(request(made))) == asked.denied
    wider = copy.deepcopy(made)
    wider["spec"] = {"ingress": [{"action": "Allow", "more": 1}]}
    assert reasons(judge(request(wider, "UPDATE", made))) == asked.denied
    assert judge(request(made, "UPDATE", made)).allowed
    assert judge(request(None, "DELETE", made)).allowed


@pytest.mark.parametrize("case", ["F3-narrower"])
def test_a_generated_policy_may_get_narrower(case: str) -> None:
    assert judge(request(NARROWED, "UPDATE", generated())).findings == ()
    unmarked = copy.deepcopy(NARROWED)
    unmarked["metadata"]["annotations"] = {}
    assert reasons(judge(request(unmarked, "UPDATE", generated()))) == {"GENERATED_OBJECT"}


@pytest.mark.parametrize("case", ["F4", "B12"])
def test_a_generated_policy_is_not_deleted(case: str) -> None:
    asked = request(None, "DELETE", generated())
    assert reasons(judge(asked)) == {"NP_WIDENS", "GENERATED_OBJECT"}
    for name in ("Role", "RoleBinding", "ServiceAccount"):
        old = next(o for o in cluster() if o["kind"] == name and "research" in o["metadata"]["name"])  # fmt: skip
        assert reasons(judge(request(None, "DELETE", old))) == {"GENERATED_OBJECT"}
        assert judge(request(None, "DELETE", old, user=next(iter(SETTINGS.operators)))).allowed


@pytest.mark.parametrize("case", ["F4-default-deny"])
def test_the_last_default_deny_is_not_deleted(case: str) -> None:
    deny = network_policy(policyTypes=["Egress", "Ingress"])
    asked = request(None, "DELETE", deny)
    others = [o for o in cluster() if o["kind"] != "NetworkPolicy"]
    assert reasons(judge(asked, View.of([*others, deny]))) == {"NP_WIDENS"}
    assert judge(asked, view(deny)).allowed


@pytest.mark.parametrize("case", ["F4-missing"])
def test_without_a_policy_no_pod(case: str) -> None:
    bare = without("NetworkPolicy")
    verdict = judge(request(pod()), bare)
    assert reasons(verdict) == {"NO_DEFAULT_DENY"}
    assert "egress and ingress" in verdict.denials[0].message
    assert "policyc.dev/agent=research" in verdict.denials[0].message


@pytest.mark.parametrize("case", ["F12"])
def test_what_goes_with_its_namespace_is_noted(case: str) -> None:
    ending = body("Namespace", "agents", metadata={"deletionTimestamp": "2026-09-01T00:00:00Z"})
    of_research = [o for o in cluster() if o["metadata"]["name"].startswith("policyc-research")]
    for made in (o for o in of_research if o["kind"] in ("Role", "NetworkPolicy")):
        for ender in ENDERS:
            verdict = judge(request(None, "DELETE", made, user=ender), view(ending))
            assert verdict.allowed
            assert "GENERATED_OBJECT" in {f.reason for f in verdict.findings}
            assert not judge(request(None, "DELETE", made, user=ender)).allowed
        assert not judge(request(None, "DELETE", made), view(ending)).allowed


ENDERS = (
    "system:serviceaccount:kube-system:namespace-controller",
    "system:kube-controller-manager",
)
"""Who empties a namespace; the second where all controllers share one user."""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(pod(), labels_removed(pod(), KEY), id="F5"),
        pytest.param(pod(), labelled(pod(), **{KEY: "summary2"}), id="F5-changed"),
    ],
)
def test_labels_do_not_slip_off(old: Json, new: Json) -> None:
    verdict = judge(request(new, "UPDATE", old))
    assert reasons(verdict) >= {"LABEL_ESCAPE"}
    status = judge(request(new, "UPDATE", old, subresource="status"))
    assert reasons(status) >= {"LABEL_ESCAPE"}
    assert judge(request(old, "UPDATE", new)).allowed
    bare = without("NetworkPolicy")
    assert "LABEL_ESCAPE" not in reasons(judge(request(new, "UPDATE", old), bare))


@pytest.mark.parametrize("case", ["F5-wider-selection"])
def test_a_label_that_a_wide_policy_asks_for(case: str) -> None:
    there = view(network_policy(podSelector={"matchLabels": {"app": "web"}}, **OPEN))
    new = running(app="web")
    assert judge(request(running(app="other"), "UPDATE", pod()), there).findings == ()
    assert reasons(judge(request(new, "UPDATE", pod()), there)) == {"LABEL_ESCAPE"}
    assert reasons(judge(request(in_kind(kind("Job"), new)), there)) == {"NP_WIDENS"}


@pytest.mark.parametrize("case", ["F6"])
def test_a_label_that_switches_policies_off(case: str) -> None:
    assert reasons(judge(request(running(host="x"), "UPDATE", pod()))) == {"CNI_KNOWN_BUG"}
    assert reasons(judge(request(running(host="")))) == {"CNI_KNOWN_BUG"}


@pytest.mark.parametrize(
    ("made", "user"),
    [
        pytest.param(service(type="ExternalName", externalName="API.example.com."), "a", id="F7-own"),
        pytest.param(service("mcp", type="ExternalName", externalName="x.example"), "a", id="F7-mcp"),
        pytest.param(endpoint_slice("10.1.2.3"), ENDPOINT_SLICES, id="F8-controller"),
        pytest.param(endpoint_slice("169.254.20.10"), "a", id="F8-own"),
        pytest.param(service("mcp", externalIPs=["203.0.113.9"]), "a", id="F9-mcp"),
        pytest.param(service(ports=[{"port": 80}]), "a", id="F9-plain"),
    ],
)  # fmt: skip
def test_services_that_lead_where_the_agent_may_go(made: Json, user: str) -> None:
    assert judge(request(made, user=user)).findings == ()


@pytest.mark.parametrize("case", ["F9-status"])
def test_a_balancers_address(case: str) -> None:
    made = service("mcp", type="LoadBalancer") | {
        "status": {"loadBalancer": {"ingress": [{"ip": "169.254.20.10"}]}}
    }
    asked = request(made, "UPDATE", service("mcp"), subresource="status")
    assert reasons(judge(asked)) == {"EXTERNAL_IP"}
    balancer = "system:serviceaccount:kube-system:service-controller"
    assert judge(request(made, "UPDATE", made, subresource="status", user=balancer)).findings == ()


def team(**labels: str) -> Json:
    return body("Namespace", "other", metadata={"labels": labels})


@pytest.mark.parametrize(
    ("selector", "old", "new"),
    [
        pytest.param({"matchLabels": {"team": "a"}}, {}, {"team": "a"}, id="F10"),
        pytest.param(
            {"matchExpressions": [{"key": "closed", "operator": "DoesNotExist"}]},
            {"closed": ""},
            {},
            id="F10-removed",
        ),
    ],
)
def test_a_namespaces_labels_make_it_no_peer(selector: Json, old: Json, new: Json) -> None:
    peers = [{"to": [{"namespaceSelector": selector}]}]
    there = view(network_policy(egress=peers, policyTypes=["Egress"]))
    asked = request(team(**new), "UPDATE", team(**old))
    assert reasons(judge(asked, there)) == {"NS_LABEL_WIDENS"}
    assert judge(request(team(**old), "UPDATE", team(**new)), there).findings == ()
    assert judge(request(team(**new), "UPDATE", team(**new)), there).findings == ()
    assert judge(asked).findings == ()
    (operator,) = SETTINGS.operators
    asked = request(team(**new), "UPDATE", team(**old), user=operator)
    assert judge(asked, there).findings == ()


@pytest.mark.parametrize("case", ["F10-new"])
def test_a_new_namespace_with_a_peers_label(case: str) -> None:
    peers = [{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]
    there = view(network_policy(ingress=peers))
    assert reasons(judge(request(team(team="a")), there)) == {"NS_LABEL_WIDENS"}
    everywhere = view(network_policy(ingress=[{"from": [{"namespaceSelector": {}}]}]))
    assert judge(request(team(team="a")), everywhere).findings == ()


@pytest.mark.parametrize(
    ("made", "warned"),
    [
        pytest.param(foreign("cilium.io/v2", "CiliumNetworkPolicy", "mcp", egress=[{}]), False, id="F11-elsewhere"),
        pytest.param(
            foreign("cilium.io/v2", "CiliumNetworkPolicy", "agents", egressDeny=[{}], egress=[]),
            False,
            id="F11-deny",
        ),
        pytest.param(
            foreign("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", egress=[{"action": "Deny"}]),
            False,
            id="F11-admin-deny",
        ),
        pytest.param(foreign("cilium.io/v2", "CiliumLocalRedirectPolicy", "agents"), True, id="F11-unknown"),
    ],
)  # fmt: skip
def test_policies_of_other_kinds_that_pass(made: Json, warned: bool) -> None:
    verdict = judge(request(made))
    assert verdict.allowed
    assert bool(verdict.warnings) is warned


@pytest.mark.parametrize("case", ["H22-policies"])
def test_policies_that_are_not_known(case: str) -> None:
    stale = unknown(("networking.k8s.io", "NetworkPolicy"))
    asked: list[Object] = [pod(), generated(), team(team="a")]
    for made in asked:
        assert reasons(judge(request(made), stale)) == {"STATE_UNKNOWN"}
    assert judge(request(network_policy(namespace="mcp")), stale).allowed


@pytest.mark.parametrize("case", ["F1-audit"])
def test_outside_of_enforce_it_is_reported(case: str) -> None:
    made = network_policy(podSelector={"matchLabels": {KEY: "digest"}}, **OPEN)
    verdict = judge(request(made))
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"NP_WIDENS"}
