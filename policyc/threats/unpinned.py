"""Closures that rest on pins where nothing is pinned: their alarm has nothing to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyc.catalog.signals import Signal
from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.envelope.domains import TOOLS
from policyc.envelope.model import Envelope
from policyc.semantics.catalogue import Catalogue, Closure, ThreatSpec
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Declared
from policyc.threats.covers import covering

_COMPARED = frozenset({"changed", "missing"})
"""What a record's `pinned` says where a description was held against its pin."""


def unpinned(
    agent: CheckedAgent,
    envelope: Envelope,
    policy: CheckedPolicy,
    threats: Iterable[ThreatSpec],
) -> Iterator[Diagnostic]:
    """PC3124 for each signal of a closure of the agent that listens for changes of what has no pin.

    ``threats`` are those that apply to the agent.
    """
    bare = [
        thing
        for thing in policy.declared.values()
        if not thing.pins
        and thing.kind == "mcp"
        and envelope.domains["tools"] & TOOLS.single({"server": thing.name})
    ]
    for closure in _closures(agent, threats, policy.catalogue) if bare else ():
        for needed in closure.evidence:
            if _compares(policy.catalogue.signals[needed.signal]):
                yield Diagnostic(
                    "PC3124",
                    f"agent `{agent.name}` uses {_named(bare)}, of which no tool is pinned, so "
                    f"`{needed.signal}` has nothing to compare with and never fires",
                    needed.span,
                    tuple(Related(thing.span, "declared here, without a pin") for thing in bare),
                    help="add a `pin TOOL sha256:...` line for each tool that it uses, or close "
                    f"`{closure.threat}` with a signal that can fire",
                    severity=Severity.WARNING,
                )


def _closures(
    agent: CheckedAgent, threats: Iterable[ThreatSpec], catalogue: Catalogue
) -> list[Closure]:
    return [
        cover
        for spec in threats
        for cover in covering(spec, agent, catalogue)
        if isinstance(cover, Closure)
    ]


def _compares(signal: Signal) -> bool:
    return any(
        c.field == "pinned" and c.is_equal and _COMPARED & {*c.values} for c in signal.conditions
    )


def _named(servers: list[Declared]) -> str:
    return ", ".join(f"`{thing.name}`" for thing in servers)
