"""What gateways and servers let agents use, by group, version and kind.

Six API groups define an ``MCPServer``, so the kind alone says nothing.  An empty or absent
list of tools means everything in most of them, and nothing in one (``EMPTY``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from policyc.admission.extract.atoms import tool_ask
from policyc.admission.extract.environment import listed
from policyc.admission.extract.kagent import object_at
from policyc.admission.request import Object
from policyc.admission.requested import All, Ask, Unknown
from policyc.admission.view import View, key_of

TOOLHIVE = "toolhive.stacklok.dev"
NETWORKING = ("agentic.networking.x-k8s.io", "agentic.prototype.x-k8s.io")
ENVOY = "aigateway.envoyproxy.io"


class Empty(Enum):
    """What an empty list of tools stands for."""

    ALL = "every tool"
    NONE = "no tool"


EMPTY: Mapping[tuple[str, str, str], Empty] = MappingProxyType(
    {
        # kagent-dev/kagent go/api/v1alpha2/agent_types.go, McpServerTool.toolNames; its runtime
        # filters only where names are given.
        ("kagent.dev", "v1alpha2", "Agent"): Empty.ALL,
        ("kagent.dev", "v1alpha2", "SandboxAgent"): Empty.ALL,
        # stacklok/toolhive cmd/thv-operator/api, MCPToolConfigSpec.toolsFilter; an MCPServer has
        # a list of its own, spec.tools, in v1alpha1 only.
        (TOOLHIVE, "v1alpha1", "MCPToolConfig"): Empty.ALL,
        (TOOLHIVE, "v1beta1", "MCPToolConfig"): Empty.ALL,
        (TOOLHIVE, "v1alpha1", "MCPServer"): Empty.ALL,
        (TOOLHIVE, "v1beta1", "MCPServer"): Empty.ALL,
        # envoyproxy/ai-gateway api/v1alpha1 and api/v1beta1 mcp_route.go, backendRefs.toolSelector:
        # without include and includeRegex, all tools but the excluded ones.
        (ENVOY, "v1alpha1", "MCPRoute"): Empty.ALL,
        (ENVOY, "v1beta1", "MCPRoute"): Empty.ALL,
        # kubernetes-sigs/kube-agentic-networking api/v0alpha0 and api/v1alpha1, AccessRule; the
        # group was agentic.prototype.x-k8s.io at first.
        (NETWORKING[0], "v0alpha0", "XAccessPolicy"): Empty.NONE,
        (NETWORKING[1], "v0alpha0", "XAccessPolicy"): Empty.NONE,
        (NETWORKING[0], "v1alpha1", "XAccessPolicy"): Empty.ALL,
        (NETWORKING[1], "v1alpha1", "XAccessPolicy"): Empty.ALL,
    }
)
"""(group, version, kind) -> the meaning of an empty list of tools; other versions are not known.

kmcp's MCPServer (kagent.dev/v1alpha1) has no list of tools: the Agents that use it have one.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one account (``namespace/name``) is let use."""

    account: str
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a server, by its name, lets anybody use who reaches it."""

    server: str
    asks: tuple[Ask, ...]


_SPIFFE = re.compile(r"spiffe://[^/]+/ns/([^/]+)/sa/([^/]+)")


def rules_of(body: Object, version: str, namespace: str, empty: Empty) -> Iterator[Rule]:
    """The rules of an XAccessPolicy."""
    targets = tuple(str(t.get("name")) for t in listed(object_at(body, "spec").get("targetRefs")))
    for i, rule in enumerate(listed(object_at(body, "spec").get("rules"))):
        account = _account(object_at(rule, "source"), namespace)
        path = f"spec.rules[{i}]"
        if account and version == "v0alpha0":
            yield Rule(account, tuple(_by_tools(rule, path, targets, empty)))
        elif account:
            yield Rule(account, tuple(_by_methods(rule, path, empty)))


def _account(source: Object, namespace: str) -> str:
    own = object_at(source, "serviceAccount")
    if own:
        return f"{own.get('namespace') or namespace}/{own.get('name')}"
    found = _SPIFFE.fullmatch(str(source.get("spiffe", "")))
    return f"{found[1]}/{found[2]}" if found else ""


def _by_tools(rule: Object, path: str, targets: tuple[str, ...], empty: Empty) -> Iterator[Ask]:
    authorization = object_at(rule, "authorization")
    if authorization.get("type") not in (None, "InlineTools"):
        yield _expression(f"{path}.authorization")
        return
    where = f"{path}.authorization.tools" if authorization else f"{path}.tools"
    yield from _named(
        authorization.get("tools") if authorization else rule.get("tools"), where, targets, empty
    )


def _by_methods(rule: Object, path: str, empty: Empty) -> Iterator[Ask]:
    authorization = object_at(rule, "authorization")
    if authorization.get("type") not in (None, "Inline"):
        yield _expression(f"{path}.authorization")
        return
    methods = list(listed(object_at(authorization, "mcp").get("methods")))
    where = f"{path}.authorization.mcp.methods"
    if not methods:
        yield from _named(None, where, (), empty)
    for i, method in enumerate(methods):
        if method.get("name") == "tools":
            yield from _named(None, f"{where}[{i}]", (), empty)
        elif method.get("name") == "tools/call":
            yield from _named(method.get("params"), f"{where}[{i}].params", (), empty)


def _expression(path: str) -> Ask:
    why = "what an expression lets through cannot be judged: list the tools"
    return Ask("tools", "expression", path, Unknown("NOT_A_LIST", why))


def _named(value: object, path: str, servers: tuple[str, ...], empty: Empty) -> Iterator[Ask]:
    names = value if isinstance(value, list) else []
    for i, name in enumerate(names):
        yield tool_ask(str(name), f"{path}[{i}]", servers)
    if not names and empty is Empty.ALL:
        yield Ask("tools", ", ".join(servers), path, All(servers))


def exposed_by_toolhive(body: Object, namespace: str, empty: Empty, view: View) -> Exposed:
    """What a ToolHive MCPServer shows: its filter, or that of the MCPToolConfig it refers to."""
    server = key_of(body)[1]
    spec = object_at(body, "spec")
    reference = object_at(spec, "toolConfigRef").get("name")
    if not isinstance(reference, str):
        return Exposed(server, tuple(_named(spec.get("tools"), "spec.tools", (server,), empty)))
    config = view.get(TOOLHIVE, "MCPToolConfig", namespace, reference)
    if config is None or (TOOLHIVE, "MCPToolConfig") in view.unknown:
        why = f"there is no MCPToolConfig `{namespace}/{reference}` that is known: create it first"
        return Exposed(
            server, (Ask("tools", reference, "spec.toolConfigRef.name", Unknown("INDIRECT", why)),)
        )
    return Exposed(
        server, tuple(_named(_filtered(config), "spec.toolConfigRef.name", (server,), empty))
    )


def _filtered(config: Object) -> list[str]:
    """The filter's tools by their own names: it is written in those that the client sees.

    stacklok/toolhive pkg/mcp/tool_filter.go, ``applyFilteringAndOverrides``: an override without
    a name changes a description only.
    """
    spec = object_at(config, "spec")
    own = {
        str(name): tool
        for tool, value in object_at(spec, "toolsOverride").items()
        if (name := object_at(value).get("name"))
    }
    names = spec.get("toolsFilter")
    return [own.get(str(name), str(name)) for name in names] if isinstance(names, list) else []


def exposed_by_envoy(body: Object, empty: Empty) -> Iterator[Exposed]:
    """What an Envoy AI Gateway MCPRoute shows of each backend."""
    for i, backend in enumerate(listed(object_at(body, "spec").get("backendRefs"))):
        server, path = str(backend.get("name")), f"spec.backendRefs[{i}].toolSelector"
        selector = object_at(backend, "toolSelector")
        if selector.get("includeRegex"):
            why = "a pattern stands for tools that it does not name"
            yield Exposed(
                server, (Ask("tools", server, f"{path}.includeRegex", Unknown("WILDCARD", why)),)
            )
        else:
            yield Exposed(
                server, tuple(_named(selector.get("include"), f"{path}.include", (server,), empty))
            )
