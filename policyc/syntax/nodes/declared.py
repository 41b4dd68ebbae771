"""What agents use: MCP servers, model gateways and stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policyc.syntax.nodes.agents import Owner
from policyc.syntax.nodes.leaves import Date, Name, Node, ObjectRef, Pattern, String, Word


@dataclass(frozen=True, slots=True)
class Review(Node):
    """``reviewed by "a@b" on 2026-08-01 because "SEC-1"``."""

    by: String
    on: Date
    because: String


@dataclass(frozen=True, slots=True)
class Image(Node):
    """``image ghcr.io/acme/zendesk-mcp@sha256:...``."""

    reference: Word


@dataclass(frozen=True, slots=True)
class At(Node):
    """``at service mcp/zendesk:8080``, ``at host mcp.example.com:443`` or ``at stdio``."""

    transport: Word  # service, host or stdio
    service: ObjectRef | None = None
    host: Word | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Tools(Node):
    """``tools ticket.read, ticket.comment``: the whole surface of the server."""

    names: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Pin(Node):
    """``pin ticket.read sha256:...``: the digest of a tool's description."""

    tool: Pattern
    digest: Word


McpMember: TypeAlias = Image | At | Tools | Pin | Review | Owner


@dataclass(frozen=True, slots=True)
class Mcp(Node):
    """``mcp zendesk { ... }``."""

    name: Name
    members: tuple[McpMember, ...]


@dataclass(frozen=True, slots=True)
class ModelNames(Node):
    """``models anthropic/claude-sonnet-4, anthropic/claude-*`` in a gateway or provider."""

    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Gateway(Node):
    """``gateway llm-gateway { at service ai/gw:8080; models ...; reviewed by ... }``."""

    name: Name
    members: tuple[At | ModelNames | Review | Owner, ...]


@dataclass(frozen=True, slots=True)
class StoreKind(Node):
    """``kind vector | rag | memory | sql``."""

    kind: Word


@dataclass(frozen=True, slots=True)
class Store(Node):
    """``store rag.support-kb { at service support/kb:5432; kind rag; reviewed by ... }``."""

    name: Name
    members: tuple[At | StoreKind | Review | Owner, ...]
