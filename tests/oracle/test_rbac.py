"""RBAC against an independent authorizer: no request is judged differently."""

from __future__ import annotations

import random

from support.envelopes import NAMES, RESOURCES, SPACES, VERBS, envelope
from support.oracle.authorizer import Request, allowed
from support.scale import MANY

from policyc.catalog.kube_api import CLUSTER_SCOPED
from policyc.emit.rbac import RBAC
from policyc.pipeline.artifacts import from_bytes, to_bytes

ACCOUNT = ("support", "agent-x")


def requests(rng: random.Random, count: int) -> list[Request]:
    made = []
    for _ in range(count):
        if rng.random() < 0.1:
            made.append(
                Request(
                    rng.choice(("get", "post")), url=rng.choice(("/healthz", "/metrics/x", "/api"))
                )
            )
            continue
        group, resource = rng.choice(RESOURCES)
        verb = rng.choice(VERBS)
        namespace = rng.choice((*SPACES, ""))
        if (group, resource) in CLUSTER_SCOPED:
            namespace = ""
        name = "" if verb in ("create", "deletecollection") else rng.choice((*NAMES, "faq-9", ""))
        made.append(Request(verb, group, resource, namespace, name))
    return made


def test_the_authorizer_allows_what_the_roles_denote() -> None:
    for seed in range(MANY):
        rng = random.Random(seed)
        case = envelope(rng)
        emission = RBAC.emit(case)
        documents = {
            a.path: from_bytes(a.path, to_bytes(a.path, a.document)) for a in emission.artifacts
        }
        denoted = RBAC.denote(documents, case)
        narrowed = {n.domain for n in emission.narrowed}
        for request in requests(rng, 30):
            answer = allowed(list(documents.values()), ACCOUNT, request)
            if request.url:
                domain, point = "kube_url", {"verb": request.verb, "url": request.url}
            else:
                domain = "kube"
                point = {
                    "group": request.group,
                    "resource": request.resource,
                    "verb": request.verb,
                    "namespace": request.namespace,
                    "name": request.name,
                }
            assert answer == (point in denoted[domain]), (seed, request)
            granted = point in case.domains[domain]
            assert granted or not answer, (seed, request)
            if domain not in narrowed:
                assert answer == granted, (seed, request)


def test_an_agent_without_the_api_gets_no_token() -> None:
    for seed in range(MANY // 10):
        case = envelope(random.Random(seed))
        account = RBAC.emit(case).artifacts
        document = next(a.document for a in account if a.path == "serviceaccount.yaml")
        assert isinstance(document, dict)
        uses = bool(case.domains["kube"] or case.domains["kube_url"])
        assert document["automountServiceAccountToken"] is uses
