"""A real API server takes what the compiler emitted, and grants what its denotation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.control_plane import ControlPlane

from policyc.emit.rbac import RBAC
from policyc.envelope.codec import decode
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region
from policyc.kube.yaml import load

pytestmark = pytest.mark.e2e

GENERATED = Path(__file__).parents[2] / "generated"
AGENTS = sorted(path.parent.name for path in GENERATED.glob("*/envelope.json"))
IDENTIFIED = [a for a in AGENTS if (GENERATED / a / "serviceaccount.yaml").exists()]
"""Those that run in the cluster: a managed agent has no ServiceAccount."""

ROUTES = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
"""The collections of what is applied as it stands; pod-security.yaml is merged into a workload."""


def envelope_of(agent: str) -> Envelope:
    return decode(json.loads((GENERATED / agent / "envelope.json").read_bytes()))


def objects_of(agent: str) -> list[dict[str, Any]]:
    paths = sorted(
        {*(GENERATED / agent).glob("*.yaml")} - {GENERATED / agent / "pod-security.yaml"}
    )
    documents = [load(path.read_bytes()) for path in paths]
    return [d for d in documents if isinstance(d, dict)]


def path_of(document: dict[str, Any]) -> str:
    metadata = document["metadata"]
    route = ROUTES[document["kind"]].format(namespace=metadata.get("namespace"))
    return f"{route}/{metadata['name']}"


@pytest.fixture(scope="module")
def applied(plane: ControlPlane) -> ControlPlane:
    """The plane with everything of generated/ in it: first by a dry run, then for real."""
    documents = [d for agent in AGENTS for d in objects_of(agent)]
    for namespace in sorted({d["metadata"].get("namespace", "default") for d in documents}):
        plane.make_namespace(namespace)
    for document in documents:
        path = path_of(document)
        rehearsed = plane.admin.apply(path, document, dryRun="All", fieldValidation="Strict")
        assert rehearsed.status == 201, rehearsed.message
        assert plane.admin.get(path).status == 404
        real = plane.admin.apply(path, document, fieldValidation="Strict")
        assert real.status == 201, real.message
        assert not rehearsed.warnings + real.warnings
    return plane


def test_what_is_applied_is_what_was_emitted(applied: ControlPlane) -> None:
    """The server adds fields of its own and changes none of ours."""
    for agent in AGENTS:
        for document in objects_of(agent):
            stored = applied.admin.get(path_of(document)).body
            for field in document.keys() - {"metadata"}:
                assert stored[field] == document[field], (agent, document["kind"], field)


@pytest.mark.parametrize("agent", IDENTIFIED)
def test_pod_security_merges_into_the_workload(applied: ControlPlane, agent: str) -> None:
    patch = load((GENERATED / agent / "pod-security.yaml").read_bytes())
    assert isinstance(patch, dict)
    metadata: Any = patch["metadata"]
    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
    labels = {"app.kubernetes.io/name": agent}
    subject = envelope_of(agent).subject
    assert subject.workload is not None
    container = {
        "name": subject.workload.container,
        "image": "registry.example/a:1",
    }
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": metadata["name"]},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    assert applied.admin.apply(path, workload, manager="owner").status == 201
    merged = applied.admin.apply(path, patch, manager="policyc", fieldValidation="Strict")
    assert merged.status == 200, merged.message
    pod = merged.body["spec"]["template"]["spec"]
    assert [c["image"] for c in pod["containers"]] == [container["image"]]
    wanted: Any = patch["spec"]
    emitted = wanted["template"]["spec"]
    assert pod["serviceAccountName"] == emitted["serviceAccountName"]
    for kept, asked in zip(pod["containers"], emitted["containers"], strict=True):
        assert kept["securityContext"] == asked["securityContext"]


# -- the real authorizer -----------------------------------------------------------


Request = dict[str, str]
"""Verb and url, or verb, group, resource, namespace and name: a point of kube_url or kube."""

_STRANGERS = {
    "verb": ["get", "list", "create", "delete", "escalate", "*"],
    "group": ["", "apps", "rbac.authorization.k8s.io"],
    "resource": ["secrets", "pods", "pods/exec", "pods/log", "configmaps", "nodes", "*"],
    "namespace": ["", "default", "kube-system"],
    "name": ["", "some-object"],
    "url": ["/version", "/version/", "/metrics", "/healthz", "/"],
}

PUBLIC_URLS = frozenset({"/version", "/version/", "/healthz"})
"""Of the strangers, those that system:public-info-viewer and system:discovery grant, see
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles (2026)."""


def granted_requests(documents: list[dict[str, Any]]) -> Iterator[Request]:
    """Every request that a rule names."""
    for role in documents:
        space = role["metadata"].get("namespace", "")
        for rule in role.get("rules", ()):
            for verb, url in product(rule["verbs"], rule.get("nonResourceURLs", ())):
                yield {"verb": verb, "url": url}
            names = rule.get("resourceNames", [""])
            for verb, group, resource, name in product(
                rule["verbs"], rule.get("apiGroups", ()), rule.get("resources", ()), names
            ):
                yield {
                    "verb": verb,
                    "group": group,
                    "resource": resource,
                    "namespace": space,
                    "name": name,
                }


def neighbours(request: Request, others: list[Request]) -> Iterator[Request]:
    """The request with one word changed: to one that is granted elsewhere, or to a stranger."""
    for axis in request:
        known = {o[axis] for o in others if axis in o}
        for word in sorted(known | {*_STRANGERS[axis]} - {request[axis]}):
            yield request | {axis: word}


def as_made(request: Request) -> Request:
    """Without what no such request has, by requestinfo.go of k8s.io/apiserver (1.36)."""
    if "url" in request:
        return request
    made = dict(request)
    is_plain = "/" not in made["resource"]
    if made["verb"] == "deletecollection" or (made["verb"] == "create" and is_plain):
        made["name"] = ""
    if made["resource"] == "nodes":
        made["namespace"] = ""
    return made


def all_requests() -> list[Request]:
    """What any agent may do, and all that differs from it by one word."""
    granted = [r for agent in AGENTS for r in granted_requests(objects_of(agent))]
    near = [as_made(n) for request in granted for n in neighbours(request, granted)]
    unique = {json.dumps(r, sort_keys=True): r for r in granted + near}
    return list(unique.values())


def is_allowed(plane: ControlPlane, user: str, groups: list[str], request: Request) -> bool:
    """The answer of a SubjectAccessReview."""
    if "url" in request:
        what = {"nonResourceAttributes": {"verb": request["verb"], "path": request["url"]}}
    else:
        resource, _, subresource = request["resource"].partition("/")
        what = {"resourceAttributes": request | {"resource": resource, "subresource": subresource}}
    answer = plane.admin.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, **what},
        },
    )
    assert answer.status == 201, answer.message
    return bool(answer.body["status"]["allowed"])


def denoted(agent: str) -> dict[str, Region]:
    documents = {path.name: load(path.read_bytes()) for path in (GENERATED / agent).glob("*.yaml")}
    return dict(RBAC.denote(documents, envelope_of(agent)))


def user_of(agent: str) -> str:
    namespace, _, name = envelope_of(agent).subject.service_account.partition("/")
    return f"system:serviceaccount:{namespace}:{name}"


@pytest.mark.parametrize("agent", IDENTIFIED)
def test_the_authorizer_agrees_with_the_denotation(applied: ControlPlane, agent: str) -> None:
    """Of the bindings of the ServiceAccount itself; its groups are judged below."""
    requests = all_requests()
    assert len(requests) > 100
    regions, user = denoted(agent), user_of(agent)
    for request in requests:
        expected = request in regions["kube_url" if "url" in request else "kube"]
        assert is_allowed(applied, user, [], request) == expected, request
    for request in granted_requests(objects_of(agent)):
        assert is_allowed(applied, user, [], request), request


def test_groups_add_only_discovery_and_reviews_of_oneself(applied: ControlPlane) -> None:
    """Kubernetes' own default bindings give this to every ServiceAccount; no rule can take it away."""
    for agent in IDENTIFIED:
        namespace = envelope_of(agent).subject.service_account.partition("/")[0]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        groups.append("system:authenticated")
        regions, user = denoted(agent), user_of(agent)
        for request in all_requests():
            domain = "kube_url" if "url" in request else "kube"
            by_default = request.get("url") in PUBLIC_URLS and request["verb"] == "get"
            expected = request in regions[domain] or by_default
            assert is_allowed(applied, user, groups, request) == expected, (agent, request)


def test_kubectl_can_i_agrees(applied: ControlPlane) -> None:
    judged = 0
    for agent in IDENTIFIED:
        for request in granted_requests(objects_of(agent)):
            assert can_i(applied, agent, request), (agent, request)
            judged += 1
        refused = {"verb": "delete", "group": "", "resource": "pods", "namespace": "default"}
        assert not can_i(applied, agent, refused | {"name": ""}), agent
    assert judged


def can_i(plane: ControlPlane, agent: str, request: Request) -> bool:
    if "url" in request:
        what = [request["verb"], request["url"]]
    else:
        plural, _, subresource = request["resource"].partition("/")
        resource = f"{plural}.{request['group']}".rstrip(".")
        named = f"{resource}/{request['name']}".rstrip("/")
        what = [request["verb"], named, f"--namespace={request['namespace']}"]
        what += [f"--subresource={subresource}"] if subresource else []
    done = plane.kubectl("auth", "can-i", *what, f"--as={user_of(agent)}")
    assert done.stdout.strip() in ("yes", "no"), done.stderr
    return done.stdout.strip() == "yes"
