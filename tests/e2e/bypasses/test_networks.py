"""Group F on a real API server: what leads an agent's traffic elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from support.admission import pod
from support.cases.networks import (
    FOREIGN,
    GENERATED,
    HARMLESS,
    KEY,
    NARROWED,
    OPEN,
    POLICIES,
    SERVICES,
    chosen,
    foreign,
    generated,
    running,
)
from support.cases.row import Row, Server, each
from support.catalogue import case, of
from support.guarded import OPERATOR, Guarded
from support.kube_paths import path_of
from support.widening import body, network_policy

pytestmark = pytest.mark.e2e
__all__ = ["case"]


@pytest.fixture(scope="module")
def prepared(guarded: Guarded) -> Iterator[Guarded]:
    """With a running pod of the agent that each row wants."""
    there = [one for row in POLICIES for one in row.there]
    with guarded.holding(*there, running("research-f5"), judged=True):
        yield guarded


@each([*POLICIES, *SERVICES, *FOREIGN])
def test_what_leads_elsewhere_is_refused(prepared: Guarded, asked: Row) -> None:
    if asked.server is Server.INVALID:
        assert prepared.ask(asked.made).is_invalid
    else:
        prepared.denied(lambda: prepared.ask(asked.made), *asked.denied)


@each(HARMLESS)
def test_what_leads_nowhere_else_is_admitted(guarded: Guarded, asked: Row) -> None:
    answer = guarded.ask(asked.made)
    assert answer.is_admitted, answer


@each(GENERATED)
def test_a_generated_policy_stays_as_narrow(guarded: Guarded, asked: Row) -> None:
    assert guarded.update(asked.made).denied == asked.denied
    by_operator = guarded.update(asked.made, client=guarded.as_user(OPERATOR))
    assert by_operator.denied == {"NP_WIDENS"}


@of("F3-narrower")
def test_a_generated_policy_may_get_narrower(guarded: Guarded) -> None:
    answer = guarded.update(NARROWED)
    assert answer.is_admitted, answer
    unmarked = copy.deepcopy(NARROWED)
    unmarked["metadata"]["annotations"] = {}
    assert guarded.update(unmarked).denied == {"GENERATED_OBJECT"}


@pytest.mark.parametrize("number", ["F4", "B12"])
def test_what_the_compiler_made_is_not_deleted(guarded: Guarded, number: str) -> None:
    assert guarded.delete(generated()).denied == {"NP_WIDENS", "GENERATED_OBJECT"}
    account = body("ServiceAccount", "research", "agents")
    assert guarded.delete(account).denied == {"GENERATED_OBJECT"}
    assert guarded.delete(account, guarded.as_user(OPERATOR)).is_admitted


@of("F5")
def test_labels_do_not_slip_off(prepared: Guarded) -> None:
    known = running("research-f5")
    for subresource in ("", "status"):
        for value in (None, "summary2"):
            answer = prepared.relabel(known, subresource, **{KEY: value})
            assert answer.denied >= {"LABEL_ESCAPE"}, (subresource, answer)
        assert prepared.relabel(known, subresource, team="a").is_admitted


@of("F5-wider-selection")
def test_a_label_that_a_wide_policy_asks_for(prepared: Guarded) -> None:
    wide = chosen({"matchLabels": {"app": "web"}}, **OPEN)
    with prepared.holding(wide, judged=True):
        known = running("research-f5")
        prepared.denied(lambda: prepared.relabel(known, app="web"), "LABEL_ESCAPE")
        prepared.denied(lambda: prepared.ask(running(app="web")), "NP_WIDENS")


@of("F6")
def test_a_label_that_switches_policies_off(prepared: Guarded) -> None:
    assert prepared.relabel(running("research-f5"), host="x").denied == {"CNI_KNOWN_BUG"}
    assert prepared.ask(running(host="")).denied == {"CNI_KNOWN_BUG"}


@of("F9-status")
def test_a_balancers_address(guarded: Guarded) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    service = body("Service", "front", "agents", spec=spec)
    with guarded.holding(service, judged=True):
        taken = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
        given = {**guarded.plane.admin.get(path_of(service)).body, "status": taken}
        assert guarded.update(given, subresource="status").denied == {"EXTERNAL_IP"}
        balancer = guarded.as_user("system:serviceaccount:kube-system:service-controller")
        assert guarded.update(given, subresource="status", client=balancer).is_admitted


PEERS = {"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}


@of("F10")
def test_a_namespaces_labels_make_it_no_peer(guarded: Guarded) -> None:
    wide = network_policy(egress=[PEERS], policyTypes=["Egress"])
    with guarded.holding(wide, body("Namespace", "other")):
        new = body("Namespace", "other", metadata={"labels": {"team": "a"}})
        guarded.denied(lambda: guarded.update(new), "NS_LABEL_WIDENS")
        new["metadata"]["name"] = "another"
        guarded.denied(lambda: guarded.ask(new), "NS_LABEL_WIDENS")
    guarded.eventually(lambda: guarded.ask(new), lambda answer: answer.is_admitted)


@of("F11-deny")
def test_a_policy_of_another_kind_that_only_refuses(guarded: Guarded) -> None:
    made = foreign("cilium.io/v2", "CiliumNetworkPolicy", "agents", egressDeny=[{}], egress=[])
    assert guarded.ask(made).is_admitted
    allowing = foreign("cilium.io/v2", "CiliumNetworkPolicy", "mcp", egress=[{}])
    assert guarded.ask(allowing).is_admitted


@each([one for one in POLICIES if one.server is Server.WEBHOOK][:2])
def test_a_wide_policy_from_before_the_webhook_starts_no_pod(guarded: Guarded, asked: Row) -> None:
    with guarded.holding(asked.made):
        guarded.denied(lambda: guarded.ask(pod()), "NP_WIDENS")
    guarded.eventually(lambda: guarded.ask(pod()), lambda answer: answer.is_admitted)


@of("F4-missing")
def test_without_a_policy_no_pod(guarded: Guarded) -> None:
    policy = generated()
    with guarded.unguarded():
        guarded.remove([policy])
    guarded.denied(lambda: guarded.ask(pod()), "NO_DEFAULT_DENY")
    with guarded.unguarded():
        guarded.store([policy])
    guarded.eventually(lambda: guarded.ask(pod()), lambda answer: answer.is_admitted)
