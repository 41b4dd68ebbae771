"""Reachable capability: permissions x prompt-reachable paths x the actions of tools.

A path is where text from outside gets into a prompt; an action is what the agent may then be made
to do.  Whoever controls one path can ask for every action, so the reach is their product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policyc.envelope.axes import Extent
from policyc.envelope.index import servers_of
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Domain, Region

_PATHS = (
    ("ingress_peer", "requests from"),
    ("ingress_ip", "requests from"),
    ("memory", "entries of"),
)
_ACTIONS = (
    "tools",
    "memory",
    "kube",
    "kube_url",
    "egress_host",
    "egress_ip",
    "egress_peer",
    "exec",
)


_ONE_BY_ONE = {
    "tools": "tool",
    "kube": "verb",
    "kube_url": "url",
    "memory": "operation",
    "egress_host": "host",
    "exec": "path",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A path or an action in words, with the policy line or the evidence that it stands on."""

    what: str
    because: str


@dataclass(frozen=True, slots=True)
class Reach:
    """All paths and all actions of an agent; every pair of them is reachable."""

    paths: tuple[Way, ...]
    actions: tuple[Way, ...]

    @property
    def size(self) -> int:
        return len(self.paths) * len(self.actions)

    def pairs(self) -> Iterator[tuple[Way, Way]]:
        return ((path, action) for path in self.paths for action in self.actions)


def reach(envelope: Envelope) -> Reach:
    """The reach of an agent; fewer tools or paths never make it larger."""
    paths = [
        Way(f"{word} {line}", why)
        for domain, word in _PATHS
        for line, why in _lines(envelope, domain)
        if domain != "memory" or "read" in line
    ]
    paths += [
        Way(f"answers and descriptions of MCP server {server}", _server_line(envelope, server))
        for server in sorted(servers_of(envelope.domains["tools"]))
    ]
    paths += [Way(f"answers of agent {name}", "delegates to") for name in envelope.delegates]
    actions = [
        Way(f"{domain} {line}", why)
        for domain in _ACTIONS
        for line, why in _lines(envelope, domain)
    ]
    actions += [Way(f"hand work to agent {name}", "delegates to") for name in envelope.delegates]
    return Reach(tuple(paths), tuple(actions))


def _lines(envelope: Envelope, domain: str) -> Iterator[tuple[str, str]]:
    """Each written line of a domain, with why it stands there."""
    region = envelope.domains[domain]
    for box in region.boxes():
        for part in _split(region.domain, box):
            why = [g for g in envelope.grants.get(domain, ()) if g.region & part]
            for line in part.describe():
                yield line, _because(why)


def _split(domain: Domain, box: dict[str, Extent]) -> Iterator[Region]:
    """A box name by name on the axis that tells one action from another, where it is a list of names."""
    axis = _ONE_BY_ONE.get(domain.name)
    names = domain.axis(axis).write(box[axis]) if axis is not None and axis in box else ()
    if axis is None or not names or any(name.startswith("!") for name in names):
        yield domain.box(box)
        return
    for name in names:
        yield domain.box({**box, axis: domain.axis(axis).extent(name)})


def _server_line(envelope: Envelope, server: str) -> str:
    part = envelope.domains["tools"].domain.single({"server": server})
    return _because([g for g in envelope.grants.get("tools", ()) if g.region & part])


def _because(grants: list[Grant]) -> str:
    derivations = [d for grant in grants for d in grant.derivations]
    return _said(derivations[0]) if derivations else "the envelope"


def _said(derivation: Derivation) -> str:
    where = [str(p) for p in derivation.places[:1]] or [str(e) for e in derivation.evidence[:1]]
    return " ".join([derivation.step.value, *where])
