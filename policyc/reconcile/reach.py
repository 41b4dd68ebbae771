"""Reachable capability: permissions x prompt-reachable paths x tool actions.

Whoever can put text before the model can have it call a tool, and the tool acts with some
account's rights.  A *path* is a way by which text comes in: a peer that may connect, a result
of a tool, a store that is read, an agent that delegates.  An *action* is a tool, or a program
that the agent may execute.  Without a path or without an action nothing is reachable, and
with fewer of either it is less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policyc.envelope.domains import MEMORY, TOOLS
from policyc.envelope.model import Envelope
from policyc.lower.lines import pattern
from policyc.reconcile.rights import Right, servers_of
from policyc.semantics.model import CheckedPolicy, Transport

_OWN = "exec *"
"""The action of an agent that may execute programs: they act with its own rights."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What text on a path can have done: one action with one right (or what the action itself does)."""

    path: str
    action: str
    permission: str
    because: str


def paths(envelope: Envelope, delegators: Sequence[str]) -> tuple[str, ...]:
    """How text reaches the model of an agent, sorted."""
    domains = envelope.domains
    found = [
        f"ingress {line}"
        for name in ("ingress_ip", "ingress_peer")
        for line in domains[name].describe()
    ]
    found += [f"result of tool {line}" for line in domains["tools"].describe()]
    reads = domains["memory"] & MEMORY.single({"operation": "read"})
    found += [f"memory {line}" for line in reads.describe()]
    found += [f"delegation from {name}" for name in delegators]
    return tuple(sorted(found))


def actions(envelope: Envelope, policy: CheckedPolicy) -> tuple[tuple[str, str], ...]:
    """The agent's actions, each with the `through` of the rights that it is done with."""
    tools = envelope.domains["tools"]
    found: list[tuple[str, str]] = []
    for server in servers_of(tools, policy):
        is_own = server.endpoint is not None and server.endpoint.transport is Transport.STDIO
        through = "" if is_own else f"tool {server.name}: *"
        for tool in server.surface:
            if tools & TOOLS.written({"server": server.name, "tool": tool}):
                found.append((f"tool {server.name}: {pattern(tool)}", through))
    if envelope.domains["exec"]:
        found.append((_OWN, ""))
    return tuple(sorted(found))


def reachable(
    envelope: Envelope,
    policy: CheckedPolicy,
    rights: Sequence[Right],
    delegators: Sequence[str] = (),
) -> Iterator[Capability]:
    """The product, in order; each with the binding or the line that it comes from."""
    ways = paths(envelope, delegators)
    for path in ways:
        for action, through in actions(envelope, policy):
            yield Capability(path, action, "the action itself", "the envelope")
            for right in rights:
                if right.through == through:
                    for line in right.region.describe():
                        yield Capability(path, action, f"kube {line}", str(right))
