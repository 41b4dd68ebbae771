"""The names that a policy refers to: where each stands, and what could stand there instead."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields

from policyc.catalog import signals
from policyc.catalog import vocabulary as v
from policyc.catalog.capabilities import CAPABILITIES
from policyc.catalog.kube_api import (
    NONRESOURCE_VERBS,
    RESOURCE_VERBS,
    built_in_resources,
    is_custom_group,
    split_resource,
)
from policyc.catalog.startup import RUNTIMES
from policyc.catalog.syscalls import PROFILES, SCMP_TOKENS, all_names
from policyc.envelope.domains import PROTOCOLS
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.semantics.load import LIBRARIES, Workspace
from policyc.semantics.model import CheckedPolicy
from policyc.syntax import nodes as n

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

CLOSED: dict[tuple[type[n.Node], str], frozenset[str]] = {
    (n.Stage, "name"): frozenset(v.STAGES),
    (n.Evidence, "signal"): frozenset(signals.SIGNALS),
    (n.Shown, "signals"): frozenset(signals.SIGNALS),
    (n.Signal, "kind"): frozenset(signals.KINDS),
    (n.Applies, "facts"): frozenset(v.FACTS),
    (n.Rights, "state"): frozenset(v.RIGHTS),
    (n.Layer, "name"): frozenset(v.LAYERS),
    (n.Mitigation, "name"): frozenset(v.MITIGATIONS),
    (n.Without, "component"): frozenset(v.COMPONENTS),
    (n.Reopen, "events"): frozenset(v.EVENTS),
    (n.ThreatOn, "components"): frozenset(v.COMPONENTS),
    (n.Blast, "level"): frozenset(v.BLAST),
    (n.Threat, "kind"): frozenset({"coercion", "compromise"}),
    (n.ExpectRate, "domain"): frozenset(v.RATED),
    (n.NoNew, "domain"): frozenset(v.RATED),
    (n.Behaviour, "what"): frozenset(v.BEHAVIOURS),
    (n.StoreKind, "kind"): frozenset(v.STORE_KINDS),
    (n.Expectation, "verdict"): frozenset({"allow", "deny"}),
    (n.EgressGrant, "protocol"): frozenset(PROTOCOLS),
    (n.IngressGrant, "protocol"): frozenset(PROTOCOLS),
    (n.KubeGrant, "verbs"): frozenset(RESOURCE_VERBS),
    (n.KubeGrant, "resources"): built_in_resources(),
    (n.KubeUrlGrant, "verbs"): frozenset(NONRESOURCE_VERBS),
    (n.SyscallGrant, "profile"): frozenset(PROFILES),
    (n.SyscallGrant, "names"): frozenset(all_names()),
    (n.SyscallGrant, "excepts"): frozenset(all_names()),
    (n.SyscallGrant, "architectures"): frozenset(SCMP_TOKENS),
    (n.CapabilityGrant, "names"): frozenset(CAPABILITIES),
    (n.FileGrant, "modes"): frozenset({"read", "write"}),
    (n.MemoryGrant, "operations"): frozenset({"read", "write", "delete"}),
    (n.IdentityGrant, "provider"): frozenset({"service-account", "aws", "gke", "azure"}),
    (n.Managed, "provider"): frozenset(v.MANAGED_PROVIDERS),
    (n.Workload, "kind"): frozenset(row.kind for row in WORKLOAD_KINDS),
    (n.ClusterRuntimes, "names"): frozenset(RUNTIMES),
    (n.ClusterArchitectures, "names"): frozenset(SCMP_TOKENS),
}
"""Field of a node -> the closed vocabulary of its words."""

DECLARED: dict[tuple[type[n.Node], str], tuple[type[n.Node], ...]] = {
    (n.Class, "parent"): (n.Class,),
    (n.Agent, "class_name"): (n.Class,),
    (n.UseWindow, "name"): (n.Window,),
    (n.Learn, "window"): (n.Window,),
    (n.ToolGrant, "server"): (n.Mcp,),
    (n.ModelGrant, "gateway"): (n.Gateway,),
    (n.MemoryGrant, "stores"): (n.Store,),
    (n.Delegates, "agents"): (n.Agent,),
    (n.Expectation, "agent"): (n.Agent,),
    (n.Close, "threat"): (n.Threat,),
    (n.Accept, "threat"): (n.Threat,),
    (n.Close, "subject"): (n.Class, n.Agent),
    (n.Accept, "subject"): (n.Class, n.Agent),
}
"""Field of a node -> the kinds of declaration that it names."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One written name; ``known`` are the names that would be right in its place.

    A wrong name may hide others of its line, and what the block holds that the line
    ``opens_block``.
    """

    path: str
    line: int
    start: int
    end: int
    text: str
    kind: str
    known: frozenset[str]
    opens_block: bool

    def means(self, written: str) -> bool:
        """Whether what is written would be right too."""
        if self.kind == "KubeGrant.resources":
            group, _ = split_resource(written)
            return written in self.known or is_custom_group(group)
        return written in self.known


def references(workspace: Workspace, policy: CheckedPolicy) -> list[Reference]:
    """Every reference to a name by name, patterns left out, in the order of the text."""
    found: list[Reference] = []
    for path, file in workspace.files.items():
        if path in LIBRARIES:
            continue  # nobody misspells what comes with the compiler
        for node in _nodes(file):
            for place, known, kind in _named(node, path, workspace, policy):
                span = place.span
                found.append(
                    Reference(
                        path,
                        span.begin.line,
                        span.start,
                        span.end,
                        span.text,
                        kind,
                        known,
                        span.source.line(span.begin.line).endswith("{"),
                    )
                )
    return sorted(found, key=lambda r: (r.path, r.start))


def _nodes(node: n.Node) -> Iterator[n.Node]:
    """The node and all below it."""
    yield node
    for item in fields(node):
        value = getattr(node, item.name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, n.Node):
                yield from _nodes(child)


def _named(
    node: n.Node, path: str, workspace: Workspace, policy: CheckedPolicy
) -> Iterator[tuple[n.Node, frozenset[str], str]]:
    for (kind, name), known in CLOSED.items():
        if type(node) is kind:
            yield from ((w, known, f"{kind.__name__}.{name}") for w in _words(node, name))
    for (kind, name), kinds in DECLARED.items():
        if type(node) is kind:
            reach = _reach(workspace, path, kinds)
            yield from ((w, reach, f"{kind.__name__}.{name}") for w in _words(node, name))
    yield from _special(node, path, workspace, policy)


def _words(node: n.Node, name: str) -> Iterator[n.Node]:
    value = getattr(node, name)
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, n.Node) and "*" not in word.span.text:
            yield word


def _reach(workspace: Workspace, path: str, kinds: tuple[type[n.Node], ...]) -> frozenset[str]:
    """The names of a kind that mean something in a file: its own, and its imports' by alias."""

    def of(target: str) -> list[str]:
        return [
            str(node.id if isinstance(node, n.Threat) else node.name)
            for node in workspace.files[target].declarations
            if isinstance(node, kinds)
            and isinstance(node, (n.Class, n.Agent, n.Window, n.Mcp, n.Gateway, n.Store, n.Threat))
        ]

    imported = (
        f"{alias}.{name}"
        for alias, target in workspace.aliases[path].items()
        for name in of(target)
    )
    return frozenset([*of(path), *imported])


def _special(
    node: n.Node, path: str, workspace: Workspace, policy: CheckedPolicy
) -> Iterator[tuple[n.Node, frozenset[str], str]]:
    """The references whose vocabulary depends on another part of the policy."""
    match node:
        case n.Import(path=target):
            yield target, frozenset(f'"{p}"' for p in workspace.files), "Import.path"
        case n.Class() | n.Agent():
            for member in node.members:
                if isinstance(member, n.Tier):
                    yield member.name, frozenset(policy.tiers), "Tier.name"
        case n.Condition(subject=subject, value=value):
            yield subject, frozenset({"tier", "class", "stage"}), "Condition.subject"
            values = {
                "tier": frozenset(policy.tiers),
                "stage": frozenset(v.STAGES),
                "class": _reach(workspace, path, (n.Class,)),
            }
            yield value, values[subject.text], f"Condition.value ({subject.text})"
        case n.ServicePeer(service=service):
            yield service, frozenset(policy.services), "ServicePeer.service"
        case n.At(service=service) if service is not None:
            yield service, frozenset(policy.services), "At.service"
        case n.Mcp(members=members):
            lists = [m for m in members if isinstance(m, n.Tools)]
            surface = frozenset(tool.text for tools in lists for tool in tools.names)
            pins = [m for m in members if isinstance(m, n.Pin)]
            yield from ((pin.tool, surface, "Pin.tool") for pin in pins)
        case n.ToolGrant(server=server) if server.text != "*":
            surface = frozenset(policy.declared[f"mcp {server.text}"].surface)
            yield from ((t, surface, "ToolGrant.tools") for t in _words(node, "tools"))
        case n.ModelGrant(gateway=gateway) if gateway is not None:
            surface = frozenset(policy.declared[f"gateway {gateway.text}"].surface)
            yield from ((m, surface, "ModelGrant.models") for m in _words(node, "models"))


def typos(rng: random.Random, name: str) -> Iterator[str]:
    """Every one-character deletion and swap of a name, and an insertion and replacement a place."""
    quote = '"' if name.startswith('"') else ""
    body = name.strip('"')
    made: set[str] = set()
    for i in range(len(body)):
        made.add(body[:i] + body[i + 1 :])
        made.add(body[:i] + rng.choice(LETTERS) + body[i + 1 :])
        made.add(body[: i + 1] + rng.choice(LETTERS) + body[i + 1 :])
        made.add(body[:i] + body[i : i + 2][::-1] + body[i + 2 :])
    for typo in sorted(made - {body, ""}):
        yield f"{quote}{typo}{quote}"
