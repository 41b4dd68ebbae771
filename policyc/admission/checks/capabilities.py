"""What an agent's workload asks for beyond the pod's security, against its envelope.

A list of tools in an object narrows nothing by itself: it is checked so that nobody relies
on more than was granted.  What cannot be known, or stands for everything of a server, is
refused: an envelope is a closed list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.checks.concerned import unknown
from policyc.admission.checks.scope import of_agents
from policyc.admission.extract.claims import SERVERS_CLAIM, Claims, claims_of
from policyc.admission.extract.pods import follows_from_words, has_volume_asks, pod_asks
from policyc.admission.pods import Pod
from policyc.admission.readings import (
    PLACES,
    holds_all_tools,
    holds_endpoint,
    holds_model,
    holds_tool,
    lacking,
    not_here,
)
from policyc.admission.requested import All, Ask, Delegate, Endpoint, Known, Model, Tool, Unknown
from policyc.admission.verdict import Finding
from policyc.admission.view import View
from policyc.envelope.domains import TOOLS

_MOST_ASKS = 500


@of_agents
def asks(case: Case) -> Iterator[Finding]:
    """What the pod of an agent asks for is within its envelope, and is what it claims."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    namespace = case.request.namespace
    who = (agent.name, namespace, *agent.ends)
    words = pod.words()
    remembered = case.bundle.remembered("asks that are granted")
    state = case.view.memo("names of places", object, PLACES)
    if (
        words
        and remembered.holds(who, words, state)
        and not has_volume_asks(pod, namespace, case.view)
    ):
        return
    faults = list(_asks(case, pod, agent))
    if words and not faults and follows_from_words(pod):
        remembered.keep(who, words, state)
    yield from faults


def _asks(case: Case, pod: Pod, agent: Agent) -> Iterator[Finding]:
    namespace = case.request.namespace
    found = list(islice(pod_asks(pod, namespace, case.view), _MOST_ASKS + 1))
    claimed = claims_of(pod, _MOST_ASKS + 1)
    if max(len(found), len(claimed.asks), len(claimed.servers or ())) > _MOST_ASKS:
        message = f"it asks for more than {_MOST_ASKS} things, which is more than is judged"
        yield case.finding("NOT_A_LIST", message, pod.at("spec.containers"))
        return
    for ask in (*found, *claimed.asks):
        yield from judged(case, agent, ask, namespace)
    yield from _under_declared(case, claimed, found)
    if claimed.servers is not None:
        yield from _servers(case, agent, claimed, claimed.servers, found)


def judged(case: Case, agent: Agent, ask: Ask, namespace: str) -> Iterator[Finding]:
    """What is wrong with one ask of an agent's workload."""
    match ask.capability:
        case Unknown(reason, why):
            yield case.finding(reason, why, ask.path)
        case All(servers):
            if not holds_all_tools(agent.envelope.domains["tools"], servers):
                names = " or ".join(f"`{s}`" for s in servers) or "a server without a name"
                message = (
                    f"MCP server {names} is used without a list of its tools: that is all of them"
                )
                yield case.finding("ALL_TOOLS", message, ask.path)
        case Known(region):
            if not _holds(case, agent, region, namespace):
                yield _excess(case, ask, region, namespace)


def _holds(
    case: Case, agent: Agent, region: Tool | Model | Endpoint | Delegate, namespace: str
) -> bool:
    envelope = agent.envelope
    match region:
        case Tool():
            return holds_tool(envelope.domains["tools"], region)
        case Model():
            return holds_model(envelope.domains["models"], region)
        case Endpoint():
            return holds_endpoint(envelope, region, namespace, case.view)
        case Delegate(space, name):
            other = case.bundle.by_workload.get(("apps", "Deployment", space, name))
            return other is not None and other.name in envelope.delegates


def _excess(
    case: Case, ask: Ask, region: Tool | Model | Endpoint | Delegate, namespace: str
) -> Finding:
    name = case.agent.name if case.agent is not None else ""
    remedy = ""
    match region:
        case Tool():
            reason, what, domain = "TOOL", f"use tool `{ask.text}`", "tools"
        case Model():
            reason, what, domain = "MODEL", f"use model `{ask.text}`", "models"
        case Delegate():
            reason, what, domain = "DELEGATE", f"hand work to agent `{ask.text}`", ""
        case Endpoint():
            if missing := lacking(region, namespace, case.view):
                return replace(unknown(case, missing), path=ask.path)
            remedy = _unnamed(region, namespace, case.view)
            reason = "PROXY" if ask.domain == "proxy" else "EGRESS"
            domain = "egress_ip" if region.network else "egress_host"
            what = f"connect to `{ask.text}`"
    if remedy:  # nobody asks for a permission: what the name means is not known
        domain = ""
    message = f"agent `{name}` may not {what}"
    return case.finding(reason, message, ask.path, domain=domain, remedy=remedy)


def _unnamed(place: Endpoint, namespace: str, view: View) -> str:
    """What to do where a name of the cluster is that of no Service."""
    missing = not_here(place, namespace, view)
    if missing is None:
        return ""
    service = "/".join(missing)
    return f"create Service `{service}` first; `policyc admit` is told of it with `--cluster`"


def _under_declared(case: Case, claimed: Claims, found: list[Ask]) -> Iterator[Finding]:
    for ask in found:
        if isinstance(ask.capability, Known) and not claimed.covers(ask, ask.capability.region):
            yield case.finding(
                "UNDER_DECLARED",
                f"it asks for `{ask.text}`, which its annotation `{claimed.name_of(ask.domain)}` leaves out",
                ask.path,
            )


def _servers(
    case: Case, agent: Agent, claimed: Claims, servers: tuple[str, ...], found: list[Ask]
) -> Iterator[Finding]:
    """Claimed MCP servers are servers of the envelope, and none that is named is left out."""
    granted = agent.envelope.domains["tools"]
    for server in servers:
        if not granted & TOOLS.single({"server": server}):
            message = f"agent `{agent.name}` may not use MCP server `{server}`"
            yield case.finding("TOOL", message, claimed.servers_path, domain="tools")
    for ask in found:
        named = _servers_of(ask)
        if named and not any(server in servers for server in named):
            message = f"it uses MCP server `{named[0]}`, which its annotation `{SERVERS_CLAIM}` leaves out"
            yield case.finding("UNDER_DECLARED", message, ask.path)


def _servers_of(ask: Ask) -> tuple[str, ...]:
    match ask.capability:
        case All(servers) | Known(Tool(servers=servers)):
            return servers
    return ()


CHECKS = (asks,)
