"""What registers tools: kagent's Agent objects, and the `allow tool` lines of a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.extract import kagent
from policyc.admission.requested import All, Known, Tool
from policyc.admission.view import View, key_of
from policyc.envelope.domains import TOOLS
from policyc.lower.lines import pattern
from policyc.reconcile.permission import Permission, Source
from policyc.semantics.model import CheckedAgent, Declared


def declared(
    view: View, agent: CheckedAgent, servers: Mapping[str, Declared]
) -> Iterator[Permission]:
    """The tools that objects and lines give the agent, tool by tool where the server's are known.

    ``servers`` are the reviewed MCP servers by name.
    """
    for kind in kagent.KINDS:
        for body in view.all(kagent.GROUP, kind):
            space, name = key_of(body)
            if agent.service_account == f"{space}/{kagent.account(body)}":
                source = Source(f"{kind} {space}/{name}")
                for ask in kagent.agent_asks(body, space, view):
                    yield from _asked(ask.capability, source, servers)
    for clause in agent.allows:
        if clause.domain == "tools":
            source = Source(f"allow {clause.text}", span=clause.span)
            for server, tool in _offered(servers):
                region = clause.region & TOOLS.written({"server": server, "tool": tool})
                if region:
                    yield Permission(f"tool {server}: {pattern(tool)}", region, (source,))


def _asked(
    capability: object, source: Source, servers: Mapping[str, Declared]
) -> Iterator[Permission]:
    match capability:
        case Known(region=Tool(name=name, servers=named)):
            for server in _known(named, servers):
                yield _permission(server, name, source)
        case All(servers=named):
            for server in _known(named, servers):
                surface = servers[server].surface if server in servers else ()
                for tool in surface or ("*",):
                    yield _permission(server, tool, source)


def _known(named: tuple[str, ...], servers: Mapping[str, Declared]) -> tuple[str, ...]:
    """The policy's name of a server among those its place gives; all of them where none is known."""
    return tuple(name for name in named if name in servers)[:1] or named[:1]


def _permission(server: str, tool: str, source: Source) -> Permission:
    region = TOOLS.written({"server": server, "tool": tool})
    return Permission(f"tool {server}: {tool}", region, (source,))


def _offered(servers: Mapping[str, Declared]) -> Iterator[tuple[str, str]]:
    """Every tool of every reviewed server: which of them a line grants its region tells."""
    for name, server in servers.items():
        for tool in server.surface:
            yield name, tool
