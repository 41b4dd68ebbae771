"""Cloud identities of ServiceAccounts, and accounts and roles that two agents share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.case import Case
from policyc.admission.checks.concerned import unknown
from policyc.admission.checks.scope import of_kinds, of_pods
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding
from policyc.admission.view import View, annotations_of, key_of
from policyc.catalog.cloud import ON_ACCOUNTS, ON_PODS

Role = tuple[str, str]
"""Provider and name, as the identity domain has them."""
KIND = ("", "ServiceAccount")


def roles_of(body: Object, table: Mapping[str, str]) -> list[tuple[str, Role]]:
    """The cloud roles that annotations of an object ask for, each with its annotation."""
    return _roles(annotations_of(body), table)


def _roles(found: Mapping[str, str], table: Mapping[str, str]) -> list[tuple[str, Role]]:
    if not found:
        return []
    return [(key, (p, found[key])) for key, p in table.items() if found.get(key)]


@of_kinds({KIND})
def account(case: Case) -> Iterator[Finding]:
    """An agent's ServiceAccount is given no cloud role but its own."""
    request = case.request
    if (request.group, request.kind) != KIND or request.operation is Operation.DELETE:
        return
    if request.object is None or request.subresource:
        return
    own = f"{request.namespace}/{key_of(request.object)[1]}"
    agent = case.bundle.by_account.get(own)
    if agent is None:
        return
    about = case.about(agent)
    if KIND in case.view.unknown:
        yield unknown(about, {KIND})
        return
    for key, role in roles_of(request.object, ON_ACCOUNTS):
        yield from _judged(about, own, role, f"metadata.annotations['{key}']")


@of_pods
def pod(case: Case) -> Iterator[Finding]:
    """The account that an agent's pod runs as has no cloud role but the agent's own."""
    if case.pod is None or case.agent is None:
        return
    if KIND in case.view.unknown:
        yield unknown(case, {KIND})
        return
    name = case.pod.account
    body = case.view.get(*KIND, case.request.namespace, name) or {}
    own = f"{case.request.namespace}/{name}"
    for _, role in roles_of(body, ON_ACCOUNTS):
        yield from _judged(case, own, role, case.pod.at("spec.serviceAccountName"))
    for key, role in _roles(case.pod.annotations, ON_PODS):
        yield from _judged(case, own, role, case.pod.at(f"metadata.annotations['{key}']"))


def _judged(case: Case, own: str, role: Role, path: str) -> Iterator[Finding]:
    agent = case.agent
    assert agent is not None
    provider, name = role
    if {"provider": provider, "name": name} not in agent.envelope.domains["identity"]:
        yield case.finding(
            "CLOUD_ROLE",
            f"agent `{agent.name}` would be `{name}` at {provider}",
            path,
            domain="identity",
        )
    others = (_holders(case.view).get(role, frozenset()) & case.bundle.by_account.keys()) - {own}
    if others:
        yield case.finding(
            "CLOUD_ROLE",
            f"`{name}` at {provider} is also that of {', '.join(sorted(others))}, another agent's account",
            path,
        )


def _holders(view: View) -> Mapping[Role, frozenset[str]]:
    """Cloud role -> the accounts that have it."""
    return view.memo("cloud roles", lambda: _by_role(view), frozenset({KIND}))


def _by_role(view: View) -> Mapping[Role, frozenset[str]]:
    found: dict[Role, frozenset[str]] = {}
    for body in view.all(*KIND):
        for _, role in roles_of(body, ON_ACCOUNTS):
            found[role] = found.get(role, frozenset()) | {"/".join(key_of(body))}
    return found


@of_pods
def one_agent(case: Case) -> Iterator[Finding]:
    """No agent's workload uses the ServiceAccount of another agent."""
    if case.pod is None or case.agent is None:
        return
    row = case.pod.kind
    key = (row.group, row.kind, case.request.namespace, case.pod.workload)
    registered = case.bundle.by_workload.get(key)
    if registered is None or registered.name == case.agent.name:
        return
    for agent in (registered, case.agent):  # the stricter stage of the two decides
        yield case.about(agent).finding(
            "SA_SHARED",
            f"the workload is that of agent `{registered.name}`, the ServiceAccount that of `{case.agent.name}`",
            case.pod.at("spec.serviceAccountName"),
        )


CHECKS = (account, pod, one_agent)
