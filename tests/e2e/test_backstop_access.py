"""The backstop on bindings, on the real API server: never less strict than admission."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from support.admission import bundle, cluster, files, judge, request, view
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of

from policyc.admission.view import View
from policyc.denote.rbac import bound
from policyc.emit.backstop import FOLDER
from policyc.kube.yaml import load

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
API = "rbac.authorization.k8s.io"
POLICIES = [
    load(data)
    for path, data in sorted(files().items())
    if path.startswith(f"{FOLDER}/admission-policy") and "access" in path
]
OWN = [body for body in cluster() if body["kind"].endswith("Binding")]
"""Those of the build."""
REFS = [
    *(
        ("ClusterRole", name)
        for name in ("narrow", "wide", "system:basic-user", "system:discovery")
    ),
    *(("Role", name) for name in ("narrow", "wide")),
    *((body["roleRef"]["kind"], body["roleRef"]["name"]) for body in OWN),
]
GROUPS = (
    "system:serviceaccounts:agents", "system:serviceaccounts:mcp", "system:serviceaccounts",
    "system:authenticated", "system:unauthenticated", "system:serviceaccounts:", "developers",
)  # fmt: skip
USERS = (
    "system:serviceaccount:agents:research", "system:serviceaccount:agents:digest", "system:serviceaccount:mcp:web",
    "system:serviceaccount:agents", "system:serviceaccount:agents:", "system:anonymous", "alice", "agents/research",
)  # fmt: skip


def role(kind: str, name: str, namespace: str, *verbs: str) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": [*verbs]}
    return {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, "rules": [rule]}


def world() -> View:
    """The cluster, with roles that say much and roles that say nothing."""
    more = [role("ClusterRole", "wide", "", "get"), role("ClusterRole", "narrow", "")]
    for space in ("agents", "mcp"):
        more += [role("Role", "wide", space, "get"), role("Role", "narrow", space)]
    return view(*more)


def subject(rng: random.Random) -> Json:
    match rng.randrange(4):
        case 0:
            return {"kind": "Group", "apiGroup": API, "name": rng.choice(GROUPS)}
        case 1:
            return {"kind": "User", "apiGroup": API, "name": rng.choice(USERS)}
        case _:
            name = rng.choice(("research", "summary", "digest", "default", "web"))
            space = rng.choice(("agents", "agents", "mcp"))
            return {"kind": "ServiceAccount", "name": name, "namespace": space}


def binding(rng: random.Random, serial: int) -> Json:
    if rng.random() < 0.1:
        return rng.choice(OWN)
    kind, name = rng.choice(REFS)
    space = rng.choice(("agents", "mcp")) if kind == "Role" or rng.random() < 0.3 else ""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "RoleBinding" if space else "ClusterRoleBinding",
        "metadata": {"name": f"b-{serial}", **({"namespace": space} if space else {})},
        "roleRef": {"apiGroup": API, "kind": kind, "name": name},
        "subjects": [subject(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))],
    }


def reached(body: Json) -> set[str]:
    """The agents whose accounts are in a binding, by the oracle for what was emitted."""
    found = set()
    for agent in bundle().agents.values():
        account = agent.envelope.subject.service_account
        keys = {account, account.partition("/")[0] + "/", ""}
        if keys & bound(body.get("subjects"), body["metadata"].get("namespace", "")):
            found.add(agent.name)
    return found


def is_own(body: Json, agent: str) -> bool:
    """Whether it leads where a binding of the build leads the agent."""
    place = (
        body["kind"],
        body["metadata"].get("namespace"),
        body["roleRef"]["kind"],
        body["roleRef"]["name"],
    )
    return any(
        place
        == (
            own["kind"],
            own["metadata"].get("namespace"),
            own["roleRef"]["kind"],
            own["roleRef"]["name"],
        )
        and agent in reached(own)
        for own in OWN
    )


def everybodys(body: Json) -> bool:
    return body["kind"] == "ClusterRoleBinding" and body["roleRef"]["name"].startswith("system:")


def refused(body: Json) -> set[str]:
    """The stages of the agents that it may not bind, subject by subject."""
    agents = set()
    for one in body.get("subjects") or ():
        alone = {**body, "subjects": [one]}
        (key,) = bound([one], body["metadata"].get("namespace", "")) or ("nobody",)
        is_one = key and not key.endswith("/")
        is_usual = not key and everybodys(body)
        agents |= {a for a in reached(alone) if not is_usual and not (is_one and is_own(body, a))}
    return {bundle().agents[agent].stage for agent in agents}


@pytest.fixture(scope="module")
def guarded(plane: ControlPlane) -> Iterator[ControlPlane]:
    for body in cluster():
        if body["kind"] in ("Namespace", "ServiceAccount"):
            assert plane.admin.apply(path_of(body), body).status in (200, 201)
    for body in POLICIES:
        answer = plane.admin.apply(path_of(body), body, fieldValidation="Strict")
        assert answer.status in (200, 201), answer.message
    for agent in ("research", "digest"):
        canary = {
            "apiVersion": f"{API}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "canary"},
            "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": "wide"},
            "subjects": [{"kind": "ServiceAccount", "name": agent, "namespace": "agents"}],
        }  # fmt: skip

        def is_in_force(body: Json = canary) -> bool:
            answer = plane.admin.create(collection(body), body, dryRun="All")
            return answer.status == 403 or any("RBAC_WIDENS" in w for w in answer.warnings)

        plane.api_server.wait_until(is_in_force, seconds=60)
    yield plane
    for body in POLICIES:
        plane.admin.delete(path_of(body))


def test_new_bindings(guarded: ControlPlane) -> None:
    """Refused is what reaches an agent and is no binding of the build: all that admission refuses, too."""
    rng, at = random.Random(20260903), world()
    outcomes = {(status, is_wide): 0 for status in (201, 403) for is_wide in (True, False)}
    warned = 0
    for serial in range(400):
        body = binding(rng, serial)
        answer = guarded.admin.create(collection(body), body, dryRun="All")
        stages = refused(body)
        where = (body, answer.message, answer.warnings)
        assert (answer.status == 403) == ("enforce" in stages), where
        assert "enforce" not in stages or "RBAC_WIDENS" in answer.message, where
        is_said = any("RBAC_WIDENS" in text for text in answer.warnings)
        assert is_said == ("audit" in stages), where
        verdict = judge(request(body), at)
        is_wide = any(f.reason == "RBAC_WIDENS" for f in verdict.denials)
        assert not is_wide or answer.status == 403, (verdict, where)
        outcomes[answer.status, is_wide] += 1
        warned += is_said
    assert outcomes[201, True] == 0
    assert min(outcomes[201, False], outcomes[403, True], outcomes[403, False], warned) > 5, (
        outcomes
    )


def test_the_bindings_of_the_build(guarded: ControlPlane) -> None:
    assert OWN
    for body in OWN:
        assert guarded.admin.apply(path_of(body), body).status in (200, 201)
        assert judge(request(body)).allowed
    for body in OWN:
        guarded.admin.delete(path_of(body))


def test_the_role_of_an_agent_in_another_place(guarded: ControlPlane) -> None:
    """Whoever may write roles somewhere could make one of that name."""
    own = next(body for body in OWN if body["kind"] == "RoleBinding")
    body = {**own, "metadata": {"name": own["metadata"]["name"], "namespace": "mcp"}}
    answer = guarded.admin.create(collection(body), body, dryRun="All")
    assert answer.status == 403
    assert "RBAC_WIDENS: agent" in answer.message


def test_what_was_bound_before_can_be_changed_and_not_widened(guarded: ControlPlane) -> None:
    """The binding is older than the policies, as one that is being repaired."""
    names = {"research": "b", "web": "a"}
    body = {
        "apiVersion": f"{API}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "older"},
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": "wide"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "agents"} for name in names],
    }  # fmt: skip
    admin = guarded.admin
    assert admin.create(collection(body), body).status == 403
    enforced = [
        p
        for p in POLICIES
        if p["metadata"]["name"] == "policyc-access-enforce" and p["kind"].endswith("Binding")
    ]
    (actions,) = enforced
    lenient = {**actions, "spec": {**actions["spec"], "validationActions": ["Audit"]}}
    assert admin.apply(path_of(lenient), lenient).status == 200
    guarded.api_server.wait_until(
        lambda: admin.create(collection(body), body).status in (201, 409), seconds=60
    )
    assert admin.apply(path_of(actions), actions).status == 200
    wider = {
        **body,
        "subjects": [
            *body["subjects"],
            {"kind": "ServiceAccount", "name": "summary", "namespace": "agents"},
        ],
    }
    guarded.api_server.wait_until(
        lambda: admin.request("PUT", path_of(wider), wider, query={"dryRun": "All"}).status == 403,
        seconds=60,
    )
    same = {**body, "metadata": {"name": "older", "labels": {"a": "b"}}}
    assert admin.request("PUT", path_of(same), same).status == 200
    admin.delete(path_of(body))


@pytest.mark.parametrize("operation", ["POST", "PUT"])
def test_a_thousand_subjects_cost_no_more_than_is_allowed(
    guarded: ControlPlane, operation: str
) -> None:
    subjects = [
        {"kind": "ServiceAccount", "name": f"a{i}", "namespace": "agents"} for i in range(500)
    ]
    subjects += [
        {"kind": "User", "apiGroup": API, "name": f"system:serviceaccount:mcp:a{i}"}
        for i in range(500)
    ]
    body = {
        "apiVersion": f"{API}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "crowd"},
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": "wide"}, "subjects": subjects,
    }  # fmt: skip
    if operation == "PUT":
        assert guarded.admin.create(collection(body), body).status == 201
        answer = guarded.admin.request("PUT", path_of(body), {**body, "subjects": subjects[::-1]})
        assert answer.status == 200, answer.message
        guarded.admin.delete(path_of(body))
        return
    assert guarded.admin.create(collection(body), body, dryRun="All").status == 201
    wide = {
        **body,
        "subjects": [
            *subjects,
            {"kind": "ServiceAccount", "name": "research", "namespace": "agents"},
        ],
    }
    answer = guarded.admin.create(collection(wide), wide, dryRun="All")
    assert answer.status == 403
    assert "RBAC_WIDENS: agent research" in answer.message
