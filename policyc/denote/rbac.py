"""RBAC rules to regions: the requests that the authorizer lets a subject make.

Semantics: kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go and
pkg/apis/rbac/v1/evaluation_helpers.go (1.34).  A request is granted if some rule bound
in its scope covers it.  Requests that no client can make (a namespace for a node, a name
for a new object) are left out: what a rule says of them permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policyc.catalog.kube_api import is_cluster_scoped, is_plain
from policyc.core.canonical import Json
from policyc.envelope.axes import ALL, Axis, Extent, cone, union
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.region import Region

# https://kubernetes.io/docs/reference/access-authn-authz/authentication/
_USER = "system:serviceaccount:"
ANONYMOUS = "system:anonymous"
_OF_NAMESPACE = "system:serviceaccounts:"
EVERYBODY = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated")
"""Groups of which every ServiceAccount is a member, if need be by sending no token."""
_NAMELESS = ("create", "deletecollection")


def permitted(rules: Json, namespace: str) -> tuple[Region, Region]:
    """Resource requests and URLs that the ``rules`` of a role permit.

    ``namespace`` is that of the binding, empty for a ClusterRoleBinding.  ``*/sub`` is read
    as every resource.  ValueError when it is no list of rules.
    """
    kube: list[Region] = []
    urls: list[Region] = []
    for rule in _objects(rules):
        kube += _resources(rule, namespace)
        urls += _urls(rule, namespace)
    return KUBE.union(kube), KUBE_URL.union(urls)


def bound(subjects: Json, binding_namespace: str) -> frozenset[str]:
    """The ServiceAccounts among a binding's subjects: by their own names, their user names, or
    through a group that every one, every one of a namespace, or everybody is in.

    Nobody must send a token, so what anonymous requests may do counts for all.

    ``namespace/name`` is one, ``namespace/`` all of a namespace, the empty text all there
    are.  ValueError when it is no list of subjects.
    """
    return frozenset(
        key for s in _objects(subjects) if (key := _accounts(s, binding_namespace)) is not None
    )


def _accounts(subject: dict[str, Json], binding_namespace: str) -> str | None:
    match subject:
        case {"kind": "ServiceAccount", "name": str(name)}:
            return f"{subject.get('namespace') or binding_namespace}/{name}"
        case {"kind": "User", "name": str(name)}:
            if name.startswith(_USER):
                space, _, account = name.removeprefix(_USER).partition(":")
                return f"{space}/{account}" if account else None  # else it is nobody's name
            return "" if name == ANONYMOUS else None
        case {"kind": "Group", "name": str(name)}:
            if name.startswith(_OF_NAMESPACE):
                return name.removeprefix(_OF_NAMESPACE) + "/"
            return "" if name in EVERYBODY else None
    raise ValueError("a subject has a kind and a name")


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    if not isinstance(value, (list, type(None))):
        raise ValueError("a list is wanted")
    for item in value or ():
        if not isinstance(item, dict):
            raise ValueError("an object is wanted")
        yield item


def _texts(rule: dict[str, Json], key: str) -> list[str]:
    value = rule.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{key}: a list of strings is wanted")
    return [str(text) for text in value]


def _urls(rule: dict[str, Json], namespace: str) -> Iterator[Region]:
    if namespace:
        return  # a namespaced binding covers no request without a resource
    axis = KUBE_URL.axis("url")
    verbs = union(_covered(KUBE_URL.axis("verb"), v) for v in _texts(rule, "verbs"))
    for url in _texts(rule, "nonResourceURLs"):
        stem = url.rstrip("*")
        covered = axis.single(url) if stem == url else cone(stem)
        yield KUBE_URL.box({"verb": verbs, "url": covered})


def _resources(rule: dict[str, Json], namespace: str) -> Iterator[Region]:
    names = _texts(rule, "resourceNames")
    named = union(KUBE.axis("name").single(n) for n in names) if names else ALL
    verbs = _texts(rule, "verbs")
    for group in _texts(rule, "apiGroups"):
        for resource in _texts(rule, "resources"):
            where = {
                "group": _covered(KUBE.axis("group"), group),
                "resource": _covered(
                    KUBE.axis("resource"), "*" if resource.startswith("*/") else resource
                ),
            }
            for verb in verbs:
                scope = _scope(namespace, group, resource, verb)
                name = named & _named(resource, verb)
                if scope and name:
                    covered = _covered(KUBE.axis("verb"), verb)
                    yield KUBE.box({**where, "verb": covered, "namespace": scope, "name": name})


@lru_cache(maxsize=1 << 12)
def _covered(axis: Axis, word: str) -> Extent:
    return ALL if word == "*" else axis.single(word)


@lru_cache(maxsize=1 << 12)
def _scope(namespace: str, group: str, resource: str, verb: str) -> Extent:
    """The namespaces of the requests that a rule bound in ``namespace`` (empty: everywhere) covers."""
    axis = KUBE.axis("namespace")
    possible = axis.single("") if is_cluster_scoped(group, resource, verb) else ALL
    return possible & (axis.single(namespace) if namespace else ALL)


def _named(resource: str, verb: str) -> Extent:
    """The names that requests with this verb can have."""
    if verb in _NAMELESS and (verb == "deletecollection" or is_plain(resource)):
        return KUBE.axis("name").single("")
    return ALL
