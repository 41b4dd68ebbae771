"""What RBAC declares: each verb on each resource by itself, with the binding that grants it.

A rule of two groups, three resources and four verbs declares 24 permissions: they are used,
and taken away, one by one.  What a rule says is read as the authorizer reads it, by
``policyc.denote.rbac``.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.grants import Binding, bindings, includes, members
from policyc.admission.view import RBAC, View, key_of
from policyc.core.canonical import Json
from policyc.denote.rbac import permitted
from policyc.lower.lines import pattern, quoted, resource
from policyc.reconcile.permission import Permission, Source


def declared(view: View, account: str) -> Iterator[Permission]:
    """The permissions of a ServiceAccount (``namespace/name``); ValueError for a role that cannot be read."""
    for binding in bindings(view):
        if includes(binding.accounts, account):
            yield from _bound(view, binding, account)


def dangling(view: View, account: str) -> Iterator[Binding]:
    """The account's bindings whose role is not there: what they grant, nobody can say."""
    for binding in bindings(view):
        if includes(binding.accounts, account) and _role(view, binding) is None:
            yield binding


def _role(view: View, binding: Binding) -> dict[str, Json] | None:
    kind, name = binding.role
    return view.get(RBAC, kind, binding.namespace if kind == "Role" else "", name)


def _bound(view: View, binding: Binding, account: str) -> Iterator[Permission]:
    kind, name = binding.role
    role = _role(view, binding)
    if role is None:
        return
    for part in members(view, role):
        own_name = key_of(part)[1]
        shared = _shared(view, binding, account, own_name)
        source = Source(f"{binding} of {kind} {name}", shared)
        for rule in _rules(part):
            for atom, text in _atoms(rule, binding.namespace):
                kube, urls = permitted([atom], binding.namespace)
                for region in (kube, urls):
                    if region:
                        yield Permission(text, region, (source,))


def _shared(view: View, binding: Binding, account: str, part: str) -> str:
    """Why what a binding gives is not the account's own; empty where it is."""
    if account not in binding.accounts:
        return "it binds a group that the account is in"
    if part != binding.role[1]:
        return f"its role aggregates ClusterRole {part}"
    others = binding.accounts - {account}
    if others:
        return f"it binds {len(others)} more"
    users = [
        other
        for other in bindings(view)
        if other.role == binding.role
        and (binding.role[0] == "ClusterRole" or other.namespace == binding.namespace)
        and other.accounts - {account}
    ]
    return f"the role is shared: {users[0]} binds it too" if users else ""


def _rules(role: dict[str, Json]) -> Iterator[dict[str, Json]]:
    rules = role.get("rules")
    if not isinstance(rules, (list, type(None))):
        raise ValueError("`rules` is no list")
    for rule in rules or ():
        if not isinstance(rule, dict):
            raise ValueError("a rule is an object")
        yield rule


def _atoms(rule: dict[str, Json], namespace: str) -> Iterator[tuple[dict[str, Json], str]]:
    """A rule taken apart into rules of one verb on one resource or URL, each with its line."""
    where = f" in namespace {namespace}" if namespace else ""
    names = _texts(rule, "resourceNames")
    for verb in _texts(rule, "verbs"):
        for group in _texts(rule, "apiGroups"):
            for plural in _texts(rule, "resources"):
                atom: dict[str, Json] = {
                    "verbs": [verb],
                    "apiGroups": [group],
                    "resources": [plural],
                }
                line = f"kube {verb} on {_resource(group, plural)}{where}"
                for name in names:
                    yield {**atom, "resourceNames": [name]}, f"{line} named {pattern(name)}"
                if not names:
                    yield atom, line
        for url in _texts(rule, "nonResourceURLs"):
            yield {"verbs": [verb], "nonResourceURLs": [url]}, f"kube {verb} on url {quoted(url)}"


def _resource(group: str, plural: str) -> str:
    return plural if group == "*" else resource(group, plural)


def _texts(rule: dict[str, Json], key: str) -> list[str]:
    value = rule.get(key)
    if not isinstance(value, (list, type(None))) or not all(
        isinstance(t, str) for t in value or ()
    ):
        raise ValueError(f"`{key}` is no list of strings")
    return [str(text) for text in value or ()]
