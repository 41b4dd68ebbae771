"""Group G: whoever widens an agent's ServiceAccount is refused, whatever comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.admission import (
    SETTINGS,
    Json,
    bundle,
    cluster,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.widening import (
    AGENT,
    READ,
    SECRETS,
    binding,
    body,
    cluster_role,
    default_roles,
    group,
    role,
    unknown,
    user,
)

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.view import RBAC

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
EDIT = cluster_role(EVERYTHING, name="edit")
WIDE = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "view"}}]}}


def rule(verbs: str, resources: str, groups: str = "", *names: str) -> Json:
    found = {"apiGroups": [groups], "resources": resources.split(), "verbs": verbs.split()}
    return {**found, "resourceNames": list(names)} if names else found


WIDENING = [
    pytest.param(binding(AGENT, role="ClusterRole/edit"), [EDIT], id="G1"),
    pytest.param(
        binding(group("system:serviceaccounts:agents"), role="ClusterRole/edit"), [EDIT], id="G2"
    ),
    pytest.param(
        binding(group("system:serviceaccounts"), role="ClusterRole/edit", namespace=""),
        [EDIT],
        id="G3-accounts",
    ),
    pytest.param(
        binding(group("system:authenticated"), role="ClusterRole/edit", namespace=""),
        [EDIT],
        id="G3-authenticated",
    ),
    pytest.param(
        binding(group("system:unauthenticated"), role="ClusterRole/edit", namespace=""),
        [EDIT],
        id="G3-no-token",
    ),
    pytest.param(
        binding(user("system:anonymous"), role="ClusterRole/edit"), [EDIT], id="G3-anonymous"
    ),
    pytest.param(
        binding(user("system:serviceaccount:agents:research"), role="ClusterRole/edit"),
        [EDIT],
        id="G4",
    ),
    pytest.param(binding(AGENT, role="ClusterRole/edit", namespace=""), [EDIT], id="G5"),
    pytest.param(
        binding(AGENT, role="ClusterRole/read", namespace=""),
        [cluster_role(READ, name="read")],
        id="G5-everywhere",
    ),
    pytest.param(role(SECRETS), [binding(AGENT, role="Role/extra")], id="G6-role-comes-later"),
    pytest.param(
        cluster_role(SECRETS, name="part", metadata={"labels": {"to": "view"}}),
        [cluster_role(name="view", **WIDE), binding(AGENT, role="ClusterRole/view")],
        id="G7",
    ),
    pytest.param(
        cluster_role(SECRETS, name="part", metadata={"labels": {"to": "view"}}),
        [
            cluster_role(name="view", metadata={"labels": {"to": "admin"}}, **WIDE),
            cluster_role(
                name="admin",
                aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"to": "admin"}}]},
            ),
            binding(AGENT, role="ClusterRole/admin"),
        ],
        id="G7-two-steps",
    ),
    pytest.param(
        cluster_role(name="view", **WIDE),
        [
            cluster_role(SECRETS, name="part", metadata={"labels": {"to": "view"}}),
            binding(AGENT, role="ClusterRole/view"),
        ],
        id="G7-aggregate-comes-later",
    ),
    *(
        pytest.param(binding(AGENT, role="Role/extra"), [role(written)], id=f"G9-{name}")
        for name, written in {
            "verbs": rule("*", "configmaps"),
            "bind": rule("bind", "roles", RBAC),
            "escalate": rule("escalate", "roles", RBAC),
            "impersonate": rule("impersonate", "serviceaccounts"),
            "exec": rule("create", "pods/exec"),
            "token": rule("create", "serviceaccounts/token"),
            "secrets": SECRETS,
            "subresources": rule("get", "*/status"),
            "groups": rule("get", "configmaps", "*"),
        }.items()
    ),
    pytest.param(
        binding(AGENT, role="Role/extra"), [role({**SECRETS, "resourceNames": []})], id="G10-empty"
    ),
    pytest.param(
        binding(AGENT, role="Role/extra"), [role(rule("get", "secrets", "", "one"))], id="G10-other"
    ),
    pytest.param(
        binding(AGENT, role="ClusterRole/extra", namespace=""),
        [cluster_role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]})],
        id="G9-url",
    ),
]


@pytest.mark.parametrize(("made", "there"), WIDENING)
def test_what_widens_is_refused_and_if_it_is_there_the_pod_is(made: Json, there: Json) -> None:
    refused = judge(request(made), view(*there))
    assert reasons(refused) == {"RBAC_WIDENS"}
    assert "agents.agentpol:" in str(refused.denials[0])
    assert reasons(judge(request(pod()), view(*there, made))) == {"SA_EXCEEDS"}


@pytest.mark.parametrize(
    ("made", "there"),
    [
        pytest.param(binding(AGENT, role="Role/extra"), [role(READ)], id="G10-within"),
        pytest.param(
            binding(AGENT, role="Role/extra"),
            [role(rule("get", "configmaps", "", "settings"))],
            id="G10-narrower",
        ),
        pytest.param(binding(user("alice"), role="ClusterRole/edit"), [EDIT], id="G4-a-person"),
        pytest.param(binding(AGENT, role="Role/none"), [], id="G6-no-role-yet"),
        pytest.param(
            binding({**AGENT, "namespace": "mcp"}, role="ClusterRole/edit"), [EDIT], id="G12-bound"
        ),
        pytest.param(body("ServiceAccount", "research", "mcp"), [], id="G12"),
        pytest.param(
            cluster_role(SECRETS, name="part", metadata={"labels": {"to": "edit"}}),
            [cluster_role(name="view", **WIDE), binding(AGENT, role="ClusterRole/view")],
            id="G7-not-matched",
        ),
    ],
)
def test_what_does_not_widen_passes(made: Json, there: Json) -> None:
    assert judge(request(made), view(*there)).findings == ()
    assert judge(request(pod()), view(*there, made)).allowed


@pytest.mark.parametrize(
    ("old", "new", "there"),
    [
        pytest.param(
            role(READ), role(READ, SECRETS), [binding(AGENT, role="Role/extra")], id="G6-role"
        ),
        pytest.param(
            cluster_role(READ),
            cluster_role(READ, SECRETS),
            [binding(AGENT)],
            id="G6-cluster-role",
        ),
        pytest.param(
            binding(user("alice"), role="Role/extra"),
            binding(user("alice"), AGENT, role="Role/extra"),
            [role(SECRETS)],
            id="G8",
        ),
        pytest.param(
            cluster_role(SECRETS, name="part"),
            cluster_role(SECRETS, name="part", metadata={"labels": {"to": "view"}}),
            [cluster_role(name="view", **WIDE), binding(AGENT, role="ClusterRole/view")],
            id="G7-label-comes-later",
        ),
    ],
)
def test_a_change_is_judged_by_what_it_adds(old: Json, new: Json, there: Json) -> None:
    before = view(*there, old)
    assert reasons(judge(request(new, "UPDATE", old), before)) == {"RBAC_WIDENS"}
    repaired = judge(request(old, "UPDATE", new), view(*there, new))
    assert repaired.allowed


@pytest.mark.parametrize("case", ["G8-unrelated"])
def test_an_unrelated_change_of_a_binding_that_is_too_wide_passes(case: str) -> None:
    old = binding(AGENT, role="ClusterRole/edit")
    new = {**old, "metadata": {**old["metadata"], "annotations": {"a": "b"}}}
    assert judge(request(new, "UPDATE", old), view(EDIT, old)).allowed


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"secrets": [{"name": "other"}]}, id="G11-secrets"),
        pytest.param({"imagePullSecrets": [{"name": "other"}]}, id="G11-pull-secrets"),
        pytest.param({"automountServiceAccountToken": None}, id="G11-automount"),
        pytest.param(
            {"metadata": {"name": "research", "namespace": "agents"}}, id="G11-annotation-removed"
        ),
    ],
)
def test_an_agents_account_is_changed_by_operators_only(change: Json) -> None:
    old = next(o for o in cluster() if o["kind"] == "ServiceAccount" and o["metadata"]["name"] == "research")  # fmt: skip
    new = {**old, **change}
    assert reasons(judge(request(new, "UPDATE", old))) == {"GENERATED_OBJECT"}
    (operator,) = SETTINGS.operators
    assert judge(request(new, "UPDATE", old, user=operator)).allowed


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
