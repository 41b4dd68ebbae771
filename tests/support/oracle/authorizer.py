"""The RBAC authorizer, written from its documentation and not from our emitter.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/ and the semantics of
``Covers`` (Kubernetes 1.34): a request is allowed if some rule bound to the user in its
scope has its verb, its API group, its resource (``resource/subresource``; ``*`` is
every resource, ``*/sub`` every resource's subresource) and, when resourceNames is not
empty, its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    url: str = ""


def allowed(objects: list[dict[str, Any]], account: tuple[str, str], request: Request) -> bool:
    """Whether a ServiceAccount (namespace, name) may make the request."""
    for obj in objects:
        if obj["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        here = obj["metadata"].get("namespace")
        if obj["kind"] == "RoleBinding" and (request.url or here != request.namespace):
            continue
        if not any(applies(s, account) for s in obj["subjects"]):
            continue
        ref = obj["roleRef"]
        rules = [
            rule
            for o in objects
            if o["kind"] == ref["kind"]
            and o["metadata"]["name"] == ref["name"]
            and (ref["kind"] == "ClusterRole" or o["metadata"]["namespace"] == here)
            for rule in o["rules"]
        ]
        if any(covers(rule, request) for rule in rules):
            return True
    return False


def applies(subject: dict[str, Any], account: tuple[str, str], here: str = "") -> bool:
    """Whether the account's requests, with its token or without, are the subject's.

    ``here`` is the binding's namespace: an account of a subject without one is of that.
    """
    namespace, name = account
    match subject["kind"]:
        case "ServiceAccount":
            return (subject.get("namespace") or here, subject["name"]) == account
        case "User":
            return subject["name"] in (
                f"system:serviceaccount:{namespace}:{name}",
                "system:anonymous",
            )
        case "Group":
            return subject["name"] in (
                "system:serviceaccounts",
                "system:serviceaccounts:" + namespace,
                "system:authenticated",
                "system:unauthenticated",
            )
    return False


def covers(rule: dict[str, Any], request: Request) -> bool:
    """Whether a rule, in its scope, lets a request through."""
    verbs = rule["verbs"]
    if "*" not in verbs and request.verb not in verbs:
        return False
    if request.url:
        return any(
            url in ("*", request.url) or (url.endswith("*") and request.url.startswith(url[:-1]))
            for url in rule.get("nonResourceURLs", [])
        )
    groups = rule.get("apiGroups", [])
    if "*" not in groups and request.group not in groups:
        return False
    if not any(_resource(r, request.resource) for r in rule.get("resources", [])):
        return False
    names = rule.get("resourceNames", [])
    return not names or request.name in names


def _resource(written: str, asked: str) -> bool:
    if written in ("*", asked):
        return True
    _, slash, sub = asked.partition("/")
    return bool(slash) and written == f"*/{sub}"
