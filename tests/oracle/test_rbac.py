"""RBAC against an independent authorizer: no request is judged differently."""

from __future__ import annotations

import random

from support.envelopes import NAMES, RESOURCES, SPACES, VERBS, envelope
from support.oracle.authorizer import Request, allowed
from support.scale import MANY

from policyc.core.canonical import Json
from policyc.emit.base import Emission
from policyc.emit.rbac import RBAC
from policyc.envelope.domains import KUBE
from policyc.envelope.model import Envelope, Grant
from policyc.pipeline.artifacts import from_bytes, to_bytes

ACCOUNT = ("support", "agent-x")
CLUSTER_SCOPED = (("", "nodes"), ("", "nodes/proxy"))
ASKED = (*RESOURCES, ("", "services"), ("apps", "pods"), ("", "services/log"))


def requests(rng: random.Random, count: int) -> list[Request]:
    """Requests as the API server hands them to the authorizer."""
    made = []
    for _ in range(count):
        if rng.random() < 0.1:
            url = rng.choice(("/healthz", "/healthz/x", "/metrics/x", "/metrics", "/api", "/api*"))
            made.append(Request(rng.choice(("get", "post")), url=url))
        else:
            group, resource = rng.choice(ASKED)
            verb = rng.choice((*VERBS, "bind", "impersonate"))
            made.append(_request(rng, verb, group, resource))
    return made


def _request(rng: random.Random, verb: str, group: str, resource: str) -> Request:
    """Only attributes that a request can have: requestinfo.go of k8s.io/apiserver."""
    name = rng.choice((*NAMES, "faq-9", ""))
    namespace = rng.choice((*SPACES, ""))
    if verb == "deletecollection" or (verb == "create" and "/" not in resource):
        name = ""
    if resource == "namespaces":
        if verb in ("create", "list", "watch", "deletecollection"):
            namespace = ""
        else:
            name = namespace = rng.choice(SPACES)
    if (group, resource) in CLUSTER_SCOPED:
        namespace = ""
    return Request(verb, group, resource, namespace, name)


def point_of(request: Request) -> tuple[str, dict[str, str]]:
    if request.url:
        return "kube_url", {"verb": request.verb, "url": request.url}
    return "kube", {
        "group": request.group,
        "resource": request.resource,
        "verb": request.verb,
        "namespace": request.namespace,
        "name": request.name,
    }


def reread(emission: Emission) -> dict[str, Json]:
    return {a.path: from_bytes(a.path, to_bytes(a.path, a.document)) for a in emission.artifacts}


def said_whole(case: Envelope, emission: Emission, domain: str) -> list[Grant]:
    """The grants of which nothing is reported as left out."""
    left_out = {n.derivations for n in emission.narrowed if n.domain == domain}
    return [g for g in case.grants[domain] if g.derivations not in left_out]


def test_the_authorizer_allows_what_the_roles_denote() -> None:
    for seed in range(MANY):
        rng = random.Random(seed)
        case = envelope(rng)
        emission = RBAC.emit(case)
        documents = reread(emission)
        denoted = RBAC.denote(documents, case)
        for request in requests(rng, 30):
            answer = allowed(list(documents.values()), ACCOUNT, request)
            domain, point = point_of(request)
            assert answer == (point in denoted[domain]), (seed, request)
            assert point in case.domains[domain] or not answer, (seed, request)
            if any(point in grant.region for grant in said_whole(case, emission, domain)):
                assert answer, (seed, request)


def test_special_verbs_are_named_or_absent() -> None:
    special = {"*", "escalate", "bind", "impersonate"}
    for seed in range(MANY):
        case = envelope(random.Random(seed))
        named = {
            verb
            for grant in case.grants["kube"]
            for box in grant.region.boxes()
            if "verb" in box
            for verb in KUBE.axis("verb").write(box["verb"])
        }
        for path, document in reread(RBAC.emit(case)).items():
            if path.startswith(("role-", "clusterrole.")):
                written = {v for r in document["rules"] if "resources" in r for v in r["verbs"]}  # type: ignore[index,call-overload,union-attr]
                assert written & special <= named - {"*"}


def test_an_agent_without_the_api_gets_no_token() -> None:
    for seed in range(MANY // 10):
        case = envelope(random.Random(seed))
        account = RBAC.emit(case).artifacts
        document = next(a.document for a in account if a.path == "serviceaccount.yaml")
        assert isinstance(document, dict)
        uses = bool(case.domains["kube"] or case.domains["kube_url"])
        assert document["automountServiceAccountToken"] is uses
