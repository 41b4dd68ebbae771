"""Custom resources that decide on agents' tools: who may use what, and what servers show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import Case
from policyc.admission.checks.capabilities import judged
from policyc.admission.checks.scope import of_agents, of_groups, of_kinds
from policyc.admission.extract import kagent
from policyc.admission.extract.environment import listed
from policyc.admission.extract.gateways import (
    EMPTY,
    ENVOY,
    NETWORKING,
    TOOLHIVE,
    Exposed,
    exposed_by_envoy,
    exposed_by_toolhive,
    rules_of,
)
from policyc.admission.extract.kagent import object_at
from policyc.admission.request import Object
from policyc.admission.requested import Ask
from policyc.admission.verdict import Finding
from policyc.admission.view import key_of
from policyc.envelope.domains import DOMAINS

_STAGES = ("observe", "audit", "enforce")
GATED = frozenset({(TOOLHIVE, "MCPServer"), (TOOLHIVE, "MCPToolConfig"), (ENVOY, "MCPRoute")}) | {(g, "XAccessPolicy") for g in NETWORKING} | {(kagent.GROUP, k) for k in kagent.KINDS}  # fmt: skip
"""Kinds that say who may use which tools."""
REFERRED = frozenset({(kagent.GROUP, "ModelConfig"), (kagent.GROUP, "RemoteMCPServer"), (kagent.GROUP, "MCPServer")})  # fmt: skip
"""Kinds that those refer to."""


@of_kinds(GATED)
def known_version(case: Case) -> Iterator[Finding]:
    """A version that is not known may mean anything by its fields."""
    request = case.request
    if (request.group, request.kind) not in GATED or request.object is None:
        return
    if (request.group, request.version, request.kind) not in EMPTY:
        message = f"{request.kind} {request.group}/{request.version} is not known: what its fields mean neither"
        yield case.finding("NOT_A_LIST", message, "apiVersion")


@of_groups({kagent.GROUP})
def kagent_agents(case: Case) -> Iterator[Finding]:
    """An Agent of kagent's asks for no more than the registered agent of its account may have."""
    request = case.request
    if request.group != kagent.GROUP or request.kind not in kagent.KINDS or request.object is None:
        return
    if request.version in kagent.AGENT_VERSIONS:
        agent = _agent_of(request.object, request.namespace, case.bundle)
        if agent is not None:
            yield from _of_agent(case, agent, request.object, request.namespace)


@of_groups({kagent.GROUP})
def kagent_references(case: Case) -> Iterator[Finding]:
    """A ModelConfig, RemoteMCPServer or MCPServer gives the Agents that refer to it nothing more."""
    request = case.request
    if (request.group, request.kind) not in REFERRED:
        return
    if request.object is None:
        return
    name = request.name or key_of(request.object)[1]
    after = case.view.after(request)
    for body in (b for kind in kagent.KINDS for b in case.view.all(kagent.GROUP, kind)):
        namespace = key_of(body)[0]
        agent = _agent_of(body, namespace, case.bundle)
        if agent is None or not kagent.refers_to(body, request.kind, request.namespace, name):
            continue
        known = {f.message for f in _of_agent(case, agent, body, namespace)}
        for finding in _of_agent(replace(case, view=after), agent, body, namespace):
            if finding.message not in known:
                yield replace(finding, path="spec")


@of_agents
def rendered_by_kagent(case: Case) -> Iterator[Finding]:
    """A Deployment that kagent made is judged by the Agent that it was made from.

    kagent gives what it makes an owner reference to the Agent, and its pods ``KAGENT_NAME``:
    the Agent's name, or in older versions the ServiceAccount's, which is the same unless the
    Agent names another one (kagent-dev/kagent go/core/internal/controller/translator/agent,
    ``collectSharedEnv`` of manifest_builder.go; adk_api_translator.go before that).  What it
    renders of the tools is in a Secret.  The owner only adds to what the pod asks for.
    """
    bound = case.bound
    if bound is None:
        return
    (pod, agent), namespace = bound, case.request.namespace
    names: list[tuple[str, str | None]] = [*_owners(case)]
    if not names:
        said = {n for c in pod.containers() for n in _names_of_kagent(c.body)}
        names = [(name or pod.account, None) for name in sorted(said)]
    for name, uid in names:
        held = (case.view.get(kagent.GROUP, kind, namespace, name) for kind in kagent.KINDS)
        body = next((one for one in held if one is not None), None)
        if body is None or (uid is not None and object_at(body, "metadata").get("uid") != uid):
            message = (
                f"kagent's Agent `{namespace}/{name}`, which decides on its tools, is not there"
            )
            yield case.finding("OWNER_UNKNOWN", message, "metadata.ownerReferences")
        else:
            yield from _of_agent(case, agent, body, namespace)


def _owners(case: Case) -> Iterator[tuple[str, str]]:
    metadata = (case.request.object or {}).get("metadata")
    references = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for reference in listed(references):
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if group == kagent.GROUP and reference.get("kind") in kagent.KINDS:
            yield str(reference.get("name")), str(reference.get("uid"))


def _names_of_kagent(body: Object) -> Iterator[str]:
    """What the container says of its Agent; empty where it says it by its ServiceAccount."""
    for entry in listed(body.get("env")):
        if entry.get("name") == "KAGENT_NAME":
            yield str(entry.get("value") or "")


@of_kinds(GATED)
def access_policies(case: Case) -> Iterator[Finding]:
    """An XAccessPolicy lets an agent's account use no more tools than its envelope."""
    request = case.request
    empty = EMPTY.get((request.group, request.version, request.kind))
    if empty is None or request.kind != "XAccessPolicy" or request.object is None:
        return
    for rule in rules_of(request.object, request.version, request.namespace, empty):
        agent = case.bundle.by_account.get(rule.account)
        if agent is not None:
            yield from _judged(case, agent, rule.asks, request.namespace)


@of_kinds(GATED)
def servers(case: Case) -> Iterator[Finding]:
    """A server that agents use shows no tool that none of them may use."""
    request = case.request
    empty = EMPTY.get((request.group, request.version, request.kind))
    if empty is None or request.object is None:
        return
    body, namespace = request.object, request.namespace
    match request.group, request.kind:
        case "toolhive.stacklok.dev", "MCPServer":
            yield from _exposed(case, exposed_by_toolhive(body, namespace, empty, case.view))
        case "toolhive.stacklok.dev", "MCPToolConfig":
            after, name = case.view.after(request), request.name or key_of(body)[1]
            for server in case.view.all(TOOLHIVE, "MCPServer", namespace):
                if object_at(server, "spec", "toolConfigRef").get("name") == name:
                    yield from _exposed(case, exposed_by_toolhive(server, namespace, empty, after))
        case "aigateway.envoyproxy.io", "MCPRoute":
            for exposed in exposed_by_envoy(body, empty):
                yield from _exposed(case, exposed)


def _exposed(case: Case, exposed: Exposed) -> Iterator[Finding]:
    users = case.bundle.by_server.get(exposed.server, ())
    if not users:
        return
    strictest = max(users, key=lambda agent: _STAGES.index(agent.stage))
    tools = DOMAINS["tools"].union(agent.envelope.domains["tools"] for agent in users)
    envelope = replace(strictest.envelope, domains={**strictest.envelope.domains, "tools": tools})
    yield from _judged(
        case, replace(strictest, envelope=envelope), exposed.asks, case.request.namespace
    )


def _agent_of(body: Object, namespace: str, bundle: Bundle) -> Agent | None:
    by_account = bundle.by_account.get(f"{namespace}/{kagent.account(body)}")
    if by_account is not None:
        return by_account
    return bundle.by_workload.get(("apps", "Deployment", namespace, key_of(body)[1]))


def _of_agent(case: Case, agent: Agent, body: Object, namespace: str) -> Iterator[Finding]:
    asks = tuple(kagent.agent_asks(body, namespace, case.view))
    yield from _judged(case, agent, asks, namespace)


def _judged(case: Case, agent: Agent, asks: tuple[Ask, ...], namespace: str) -> Iterator[Finding]:
    today = replace(agent, envelope=agent.envelope.on(case.today))
    own = replace(case, agent=today)
    for ask in asks:
        yield from judged(own, today, ask, namespace)


CHECKS = (
    known_version,
    kagent_agents,
    kagent_references,
    rendered_by_kagent,
    access_policies,
    servers,
)
