"""Reachable capability: permissions x prompt-reachable paths x the actions of tools.

A *path* is a way by which text from outside gets into a prompt: a peer that may connect, a store
that is read, answers and descriptions of servers, agents on either side of a delegation.  An
*action* is what the agent may then be made to do.  A tool acts with the rights of the account behind
its server, and a program that the agent starts with the agent's own; whoever controls one path can
ask for every action, so the reach is the product, and less with fewer of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policyc.envelope.axes import Extent
from policyc.envelope.domains import MEMORY, TOOLS
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Domain, Region
from policyc.lower.lines import pattern
from policyc.reconcile.rights import Right, servers_of
from policyc.semantics.model import CheckedPolicy, Transport

_DIRECT = ("memory", "kube", "kube_url", "egress_host", "egress_ip", "egress_peer", "exec")
"""Domains whose every line is an action of the agent itself."""

_ONE_BY_ONE = {
    "kube": "verb",
    "kube_url": "url",
    "memory": "operation",
    "egress_host": "host",
    "exec": "path",
}
"""Domain -> the axis that tells one action from another."""


@dataclass(frozen=True, slots=True)
class Way:
    """A path or an action in words, with the policy line or the evidence that it stands on.

    ``rights`` is the ``through`` of the rights that an action is done with; None: with none but itself.
    """

    what: str
    because: str
    rights: str | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """What text on a path can have done: one action with one right (or what the action itself does)."""

    path: str
    action: str
    permission: str
    because: str


def paths(envelope: Envelope, delegators: Sequence[str] = ()) -> tuple[Way, ...]:
    """How text reaches the model of an agent, to which ``delegators`` hand work."""
    found = [
        Way(f"ingress {line}", why)
        for name in ("ingress_ip", "ingress_peer")
        for line, why in _lines(envelope, name, envelope.domains[name])
    ]
    reads = envelope.domains["memory"] & MEMORY.single({"operation": "read"})
    found += [Way(f"memory {line}", why) for line, why in _lines(envelope, "memory", reads)]
    tools = envelope.domains["tools"]
    for line, why in _lines(envelope, "tools", tools):
        found.append(Way(f"result of tool {line}", why))
    found += [Way(f"answer of agent {name}", "delegates to") for name in envelope.delegates]
    found += [Way(f"delegation from {name}", "delegates to") for name in delegators]
    return tuple(sorted(found, key=lambda way: way.what))


def actions(envelope: Envelope, policy: CheckedPolicy) -> tuple[Way, ...]:
    """What the agent may be made to do."""
    found = [*_calls(envelope, policy)]
    for domain in _DIRECT:
        rights = "" if domain == "exec" else None
        for line, why in _lines(envelope, domain, envelope.domains[domain]):
            found.append(Way(f"{domain} {line}", why, rights))
    found += [Way(f"hand work to agent {name}", "delegates to") for name in envelope.delegates]
    return tuple(sorted(found, key=lambda way: way.what))


def _calls(envelope: Envelope, policy: CheckedPolicy) -> Iterator[Way]:
    """Each tool that is granted; a stdio server is a child of the agent and has its rights."""
    tools = envelope.domains["tools"]
    for server in servers_of(tools, policy):
        is_own = server.endpoint is not None and server.endpoint.transport is Transport.STDIO
        for tool in server.surface:
            part = tools & TOOLS.written({"server": server.name, "tool": tool})
            if part:
                what = f"tool {server.name}: {pattern(tool)}"
                rights = "" if is_own else f"tool {server.name}: *"
                yield Way(what, _because(envelope, "tools", part), rights)


def reachable(
    envelope: Envelope,
    policy: CheckedPolicy,
    rights: Sequence[Right],
    delegators: Sequence[str] = (),
) -> Iterator[Capability]:
    """The product, in order; each with the binding, the line or the evidence that it comes from."""
    doings = actions(envelope, policy)
    for path in paths(envelope, delegators):
        for action in doings:
            yield Capability(path.what, action.what, "the action itself", action.because)
            for right in rights:
                if right.through == action.rights:
                    for line in right.region.describe():
                        yield Capability(path.what, action.what, f"kube {line}", str(right))


def _lines(envelope: Envelope, name: str, region: Region) -> Iterator[tuple[str, str]]:
    """Each written line of a region of a domain, with why it stands there."""
    for box in region.boxes():
        for part in _split(region.domain, box):
            why = _because(envelope, name, part)
            for line in part.describe():
                yield line, why


def _split(domain: Domain, box: dict[str, Extent]) -> Iterator[Region]:
    """A box name by name on the axis that tells one action from another, where it is a list of names."""
    axis = _ONE_BY_ONE.get(domain.name)
    names = domain.axis(axis).write(box[axis]) if axis is not None and axis in box else ()
    if axis is None or not names or any(name.startswith("!") for name in names):
        yield domain.box(box)
        return
    for name in names:
        yield domain.box({**box, axis: domain.axis(axis).extent(name)})


def _because(envelope: Envelope, name: str, part: Region) -> str:
    """The first reason that a part is granted; an envelope that was read has none."""
    for grant in envelope.grants.get(name, ()):
        if grant.region & part:
            for derivation in grant.derivations:
                return _said(derivation)
    return "the envelope"


def _said(derivation: Derivation) -> str:
    where = [str(p) for p in derivation.places[:1]] or [str(e) for e in derivation.evidence[:1]]
    return " ".join([derivation.step.value, *where])
