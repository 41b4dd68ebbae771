"""Group G: whoever widens an agent's ServiceAccount is refused, whatever comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.admission import (
    SETTINGS,
    Json,
    bundle,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.cases.grants import ACCOUNTS, CHANGED, CREATED, EDIT, HARMLESS
from support.cases.row import Row, each
from support.widening import (
    AGENT,
    SECRETS,
    binding,
    body,
    cluster_role,
    default_roles,
    role,
    unknown,
    user,
)

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.view import RBAC


@each(CREATED)
def test_what_widens_is_refused_and_if_it_is_there_the_pod_is(asked: Row) -> None:
    refused = judge(request(asked.made), view(*asked.there))
    assert reasons(refused) == asked.denied
    assert "agents.agentpol:" in str(refused.denials[0])
    assert reasons(judge(request(pod()), view(*asked.there, asked.made))) == {"SA_EXCEEDS"}


@each(HARMLESS)
def test_what_does_not_widen_passes(asked: Row) -> None:
    assert judge(request(asked.made), view(*asked.there)).findings == ()
    assert judge(request(pod()), view(*asked.there, asked.made)).allowed


@each(CHANGED)
def test_a_change_is_judged_by_what_it_adds(asked: Row) -> None:
    before = view(*asked.there, asked.old)
    assert reasons(judge(request(asked.made, "UPDATE", asked.old), before)) == asked.denied
    repaired = judge(request(asked.old, "UPDATE", asked.made), view(*asked.there, asked.made))
    assert repaired.allowed


@each(ACCOUNTS)
def test_an_agents_account_is_changed_by_operators_only(asked: Row) -> None:
    assert reasons(judge(request(asked.made, "UPDATE", asked.old))) == asked.denied
    (operator,) = SETTINGS.operators
    assert judge(request(asked.made, "UPDATE", asked.old, user=operator)).allowed


@pytest.mark.parametrize("case", ["G8-unrelated"])
def test_an_unrelated_change_of_a_binding_that_is_too_wide_passes(case: str) -> None:
    old = binding(AGENT, role="ClusterRole/edit")
    new = {**old, "metadata": {**old["metadata"], "annotations": {"a": "b"}}}
    assert judge(request(new, "UPDATE", old), view(EDIT, old)).allowed


@pytest.mark.parametrize(
    ("annotation", "provider"),
    [
        pytest.param("eks.amazonaws.com/role-arn", "aws", id="G11-aws"),
        pytest.param("iam.gke.io/gcp-service-account", "gke", id="G11-gke"),
        pytest.param("azure.workload.identity/client-id", "azure", id="G11-azure"),
    ],
)
def test_cloud_roles(annotation: str, provider: str) -> None:
    def account(name: str) -> Json:
        return body("ServiceAccount", name, "agents", metadata={"annotations": {annotation: "role-1"}})  # fmt: skip

    assert reasons(judge(request(account("research")))) == {"CLOUD_ROLE"}
    assert reasons(judge(request(pod()), view(account("research")))) == {"CLOUD_ROLE"}
    domain = bundle().agents["research"].envelope.domains["identity"].domain
    own = domain.written({"provider": provider, "name": "role-1"})
    granted = _granting("identity", own)
    verdict = evaluate(request(account("research")), granted, view(), SETTINGS, "2026-09-01")
    assert verdict.allowed
    shared = view(account("summary"))
    verdict = evaluate(request(account("research")), granted, shared, SETTINGS, "2026-09-01")
    assert reasons(verdict) == {"CLOUD_ROLE"}
    assert "agents/summary" in verdict.denials[0].message
    assert judge(request(account("web"))).allowed


def _granting(name: str, more: object) -> Bundle:
    agents = []
    for agent in bundle().agents.values():
        domains = {**agent.envelope.domains, name: agent.envelope.domains[name] | more}  # type: ignore[operator]  # a region
        agents.append(replace(agent, envelope=replace(agent.envelope, domains=domains)))
    return Bundle(agents)


@pytest.mark.parametrize("case", ["G11-shared-account"])
def test_a_workload_with_another_agents_account(case: str) -> None:
    made = in_kind(kind("Deployment"), pod("summary"))
    made["metadata"]["name"] = "research"
    verdict = judge(request(made))
    assert reasons(verdict) == {"SA_SHARED"}
    with pytest.raises(ValueError, match="share a ServiceAccount"):
        Bundle([*bundle().agents.values(), replace_name(bundle().agents["research"])])


def replace_name(agent: Json) -> Json:
    subject = replace(agent.envelope.subject, agent="other")
    return replace(agent, envelope=replace(agent.envelope, subject=subject))


@pytest.mark.parametrize("case", ["G13"])
def test_both_orders_fail(case: str) -> None:
    made = binding(AGENT, role="ClusterRole/edit")
    there = view(EDIT, made)
    assert reasons(judge(request(pod()), there)) == {"SA_EXCEEDS"}
    assert reasons(judge(request(made), view(EDIT))) == {"RBAC_WIDENS"}
    verdict = judge(request(pod("summary")), there)
    assert verdict.allowed


@pytest.mark.parametrize("case", ["G14"])
def test_two_that_are_only_together_too_wide_are_found_at_the_next_pod(case: str) -> None:
    """Each passed while the other was on its way: what they make together is seen."""
    bound, ruled = binding(AGENT, role="Role/extra"), role(SECRETS)
    assert judge(request(bound)).allowed
    assert judge(request(ruled)).allowed
    assert reasons(judge(request(pod()), view(bound, ruled))) == {"SA_EXCEEDS"}


@pytest.mark.parametrize("case", ["G3-default"])
def test_what_every_account_has_by_default_is_no_excess(case: str) -> None:
    there = view(*default_roles())
    for agent in ("research", "summary"):
        assert judge(request(pod(agent)), there).allowed
    widened = cluster_role(SECRETS, name="system:discovery")
    assert reasons(judge(request(pod()), view(*default_roles(), widened))) == {"SA_EXCEEDS"}


@pytest.mark.parametrize("case", ["G1-audit"])
def test_outside_of_enforce_it_is_reported(case: str) -> None:
    digest = {**AGENT, "name": "digest"}
    verdict = judge(request(binding(digest, role="ClusterRole/edit")), view(EDIT))
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"RBAC_WIDENS"}


@pytest.mark.parametrize("name", ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"])
@pytest.mark.parametrize("case", ["H22-rbac"])
def test_grants_that_are_not_known(name: str, case: str) -> None:
    stale = unknown((RBAC, name))
    for made in (pod(), binding(AGENT), role(SECRETS)):
        assert reasons(judge(request(made), stale)) == {"STATE_UNKNOWN"}
    assert judge(request(binding(user("alice"))), stale).allowed
