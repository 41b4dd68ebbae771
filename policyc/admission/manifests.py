"""Objects outside of a cluster to the requests that applying them would make."""

from __future__ import annotations

from dataclasses import replace

from policyc.admission.mutate import ENVELOPE
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.request import Object, Operation, Request
from policyc.admission.review import ReviewError, read_review
from policyc.admission.settings import Settings
from policyc.admission.view import annotations_of, key_of, kind_of
from policyc.catalog.kube_api import CLUSTER_SCOPED
from policyc.catalog.policy_kinds import CLUSTER_WIDE
from policyc.core.canonical import canonical_json, digest
from policyc.kube.workloads import WORKLOAD_KINDS, template_of

_IRREGULAR = {"Endpoints": "endpoints"} | {row.kind: row.resource for row in WORKLOAD_KINDS}


OFFLINE = "policyc:offline"
"""Who asks where nobody asks: an operator, since who applies a file is not in the file."""


def offline(settings: Settings) -> Settings:
    """The settings for objects that no user has sent."""
    return replace(settings, operators=settings.operators | {OFFLINE})


def request_of(body: Object) -> Request:
    """The request that creates the object, or the one in an AdmissionReview.

    A namespaced object without a namespace would go to ``default``, as with kubectl.
    Raises ReviewError for a review that is none.
    """
    if body.get("kind") == "AdmissionReview":
        return read_review(body)
    group, kind = kind_of(body)
    namespace, name = key_of(body)
    version = str(body.get("apiVersion", "")).rpartition("/")[2]
    if not kind or not version:
        raise ReviewError("an object has an apiVersion and a kind")
    return Request(
        uid=digest(canonical_json(body)),
        operation=Operation.CREATE,
        group=group,
        version=version,
        kind=kind,
        resource=plural(kind),
        resource_group=group,
        namespace=namespace or ("" if is_cluster_kind(group, kind) else "default"),
        name=name,
        user=OFFLINE,
        object=body,
    )


def is_patch(body: Object) -> bool:
    """Whether it is the compiler's patch for a workload, and no object: no container has an image."""
    row = kind_that_starts_pods(*kind_of(body))
    if row is None or ENVELOPE not in annotations_of(body):
        return False
    listed = template_of(row, body)
    for key in ("spec", "containers"):
        listed = listed.get(key) if isinstance(listed, dict) else None
    listed = listed if isinstance(listed, list) else []
    return bool(listed) and not any(isinstance(c, dict) and "image" in c for c in listed)


def plural(kind: str) -> str:
    """The plural that the API gives to a kind by its own rule (apimachinery UnsafeGuessKindToResource)."""
    word = kind.lower()
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    if word.endswith("s"):
        return word + "es"
    if word.endswith("y"):
        return word.removesuffix("y") + "ies"
    return word + "s"


def is_cluster_kind(group: str, kind: str) -> bool:
    """Whether objects of a kind that we know have no namespace."""
    if (group, kind) in CLUSTER_WIDE:
        return True
    return kind == "Namespace" or (group, plural(kind)) in CLUSTER_SCOPED


def path_of(request: Request) -> str:
    """Where the API server has the object: what ``kubectl get --raw`` takes."""
    version = f"/apis/{request.group}/{request.version}" if request.group else "/api/v1"
    space = f"/namespaces/{request.namespace}" if request.namespace else ""
    return f"{version}{space}/{request.resource}/{request.name}"
