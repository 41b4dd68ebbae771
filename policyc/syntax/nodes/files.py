"""A file as a whole: its edition, its imports and its declarations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policyc.syntax.nodes.agents import Agent, Class
from policyc.syntax.nodes.assertions import Assertion, Test, Waive, Widening
from policyc.syntax.nodes.cluster import Cluster
from policyc.syntax.nodes.declared import Gateway, Mcp, Store
from policyc.syntax.nodes.leaves import Name, Node, Number, String
from policyc.syntax.nodes.threats import Accept, Close, Events, Signal, Threat
from policyc.syntax.nodes.windows import Window


@dataclass(frozen=True, slots=True)
class Edition(Node):
    year: Number


@dataclass(frozen=True, slots=True)
class Import(Node):
    """``import "baselines/corp.agentpol" as corp``; the path is below the policy root."""

    path: String
    alias: Name


@dataclass(frozen=True, slots=True)
class Tiers(Node):
    """``tiers observe < assist < act``: from the least autonomous to the most."""

    names: tuple[Name, ...]


Declaration: TypeAlias = (
    Tiers
    | Cluster
    | Window
    | Mcp
    | Gateway
    | Store
    | Class
    | Agent
    | Threat
    | Signal
    | Close
    | Accept
    | Events
    | Assertion
    | Test
    | Waive
    | Widening
)


@dataclass(frozen=True, slots=True)
class File(Node):
    """One ``.agentpol`` file."""

    edition: Edition | None
    imports: tuple[Import, ...]
    declarations: tuple[Declaration, ...]
