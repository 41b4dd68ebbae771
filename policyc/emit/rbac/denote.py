"""RBAC objects to regions: the requests that the authorizer lets the agent make.

Semantics: kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go and
pkg/apis/rbac/v1/evaluation_helpers.go (1.34).  A request is granted if some rule bound
in its scope covers it.  Requests that no client can make (a namespace for a node, a name
for a new object) are left out: what a rule says of them permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.catalog.kube_api import is_cluster_scoped, is_plain
from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.envelope.axes import ALL, Axis, Extent, cone, union
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region

_NAMELESS = ("create", "deletecollection")


def denote(documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
    """Every role that a binding gives to the agent's ServiceAccount."""
    account_space, _, account = envelope.subject.service_account.partition("/")
    me: Json = {"kind": "ServiceAccount", "name": account, "namespace": account_space}
    by_ref = {_identity(d): d for d in documents.values() if isinstance(d, dict)}
    kube: list[Region] = []
    urls: list[Region] = []
    for document in documents.values():
        match document:
            case {
                "kind": "RoleBinding" | "ClusterRoleBinding",
                "metadata": {**metadata},
                "roleRef": {"kind": str(kind), "name": str(name)},
                "subjects": list(subjects),
            } if me in subjects:
                space = str(metadata.get("namespace", ""))
                role = by_ref.get((kind, space if kind == "Role" else "", name))
                if role is None:
                    raise InternalError(f"a binding to {kind} {name}, which is not emitted")
                for rule in _objects(role.get("rules")):
                    kube += _resources(rule, space)
                    urls += _urls(rule, space)
            case _:
                pass
    return {"kube": KUBE.union(kube), "kube_url": KUBE_URL.union(urls)}


def _identity(document: dict[str, Json]) -> tuple[str, str, str]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return (str(document["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    for item in value if isinstance(value, list) else []:
        assert isinstance(item, dict)
        yield item


def _texts(rule: dict[str, Json], key: str) -> list[str]:
    value = rule.get(key)
    return [str(v) for v in value] if isinstance(value, list) else []


def _urls(rule: dict[str, Json], space: str) -> Iterator[Region]:
    if space:
        return  # a namespaced binding covers no request without a resource
    axis = KUBE_URL.axis("url")
    verbs = union(_covered(KUBE_URL.axis("verb"), v) for v in _texts(rule, "verbs"))
    for url in _texts(rule, "nonResourceURLs"):
        stem = url.rstrip("*")
        covered = axis.single(url) if stem == url else cone(stem)
        yield KUBE_URL.box({"verb": verbs, "url": covered})


def _resources(rule: dict[str, Json], space: str) -> Iterator[Region]:
    group_axis, resource_axis = KUBE.axis("group"), KUBE.axis("resource")
    names = _texts(rule, "resourceNames")
    named = union(KUBE.axis("name").single(n) for n in names) if names else ALL
    for group in _texts(rule, "apiGroups"):
        for resource in _texts(rule, "resources"):
            if resource.startswith("*/"):
                raise InternalError("a rule for one subresource of every resource")
            where = {
                "group": _covered(group_axis, group),
                "resource": _covered(resource_axis, resource),
            }
            for verb in _texts(rule, "verbs"):
                scope = _scope(space, group, resource, verb)
                name = named & _named(resource, verb)
                if scope and name:
                    covered = _covered(KUBE.axis("verb"), verb)
                    yield KUBE.box({**where, "verb": covered, "namespace": scope, "name": name})


def _covered(axis: Axis, word: str) -> Extent:
    return ALL if word == "*" else axis.single(word)


def _scope(space: str, group: str, resource: str, verb: str) -> Extent:
    """The namespaces of the requests that a rule bound in ``space`` (empty: everywhere) covers."""
    axis = KUBE.axis("namespace")
    none = axis.single("")
    possible = ALL
    if is_cluster_scoped(group, resource, verb):
        possible = none
    return possible & (axis.single(space) if space else ALL)


def _named(resource: str, verb: str) -> Extent:
    """The names that requests with this verb can have."""
    if verb in _NAMELESS and (verb == "deletecollection" or is_plain(resource)):
        return KUBE.axis("name").single("")
    return ALL
