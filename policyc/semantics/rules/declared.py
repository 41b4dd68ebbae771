"""MCP servers, gateways and stores: declared, placed and reviewed."""

from __future__ import annotations

from policyc.catalog.vocabulary import STORE_KINDS
from policyc.core.diagnostics import Diagnostic
from policyc.core.suggest import did_you_mean
from policyc.envelope.model import LabelPeer
from policyc.kube.names import fault_of_subdomain
from policyc.semantics.cluster import Inventory
from policyc.semantics.model import Declared, Endpoint, Transport
from policyc.semantics.symbols import Symbols
from policyc.semantics.words import calendar, known, missing, single
from policyc.syntax import nodes as n

_NAMESPACE = "kubernetes.io/metadata.name"


def declared(
    symbols: Symbols, inventory: Inventory, found: list[Diagnostic]
) -> dict[str, Declared]:
    """Every declared thing, by ``kind name``."""
    things: dict[str, Declared] = {}
    for word, kind in (("mcp", "MCP server"), ("gateway", "gateway"), ("store", "store")):
        for declaration in symbols.all(kind):
            node = declaration.node
            assert isinstance(node, (n.Mcp, n.Gateway, n.Store))
            things[f"{word} {declaration.name}"] = _thing(
                word, declaration.name, node, inventory, found
            )
    return things


def _thing(
    kind: str,
    name: str,
    node: n.Mcp | n.Gateway | n.Store,
    inventory: Inventory,
    found: list[Diagnostic],
) -> Declared:
    at = single(node.members, n.At, "at", found)
    review = single(node.members, n.Review, "reviewed", found)
    image = single(node.members, n.Image, "image", found)
    single(node.members, n.Owner, "owner", found)
    if review is not None:
        calendar(review.on, found)
    if at is None:
        missing(node.name, kind, "at", "at service namespace/name:port", found)
    store_kind = single(node.members, n.StoreKind, "kind", found)
    if store_kind is not None:
        known(store_kind.kind, STORE_KINDS, "kind of store", found)
    surface = _surface(kind, node, found)
    return Declared(
        kind,
        name,
        node.name.span,
        _endpoint(at, inventory, found) if at is not None else None,
        image.reference.text if image is not None else "",
        surface,
        tuple(sorted(_pins(node, surface, found))),
        review is not None,
        review.on.text if review is not None else "",
        review.on.span if review is not None else None,
    )


def _surface(
    kind: str, node: n.Mcp | n.Gateway | n.Store, found: list[Diagnostic]
) -> tuple[str, ...]:
    if kind == "mcp":
        tools = single(node.members, n.Tools, "tools", found)
        if tools is None:
            missing(node.name, "the MCP server", "tools", "tools read_file, search", found)
            return ()
        for pattern in tools.names:
            if pattern.text.endswith("*"):
                found.append(
                    Diagnostic(
                        "PC3012",
                        f"`{pattern.text}` is no tool: a server's surface is a closed list",
                        pattern.span,
                        help="name every tool of the server",
                    )
                )
        return tuple(sorted({p.text for p in tools.names}))
    models = single(node.members, n.ModelNames, "models", found)
    return tuple(sorted({p.text for p in models.patterns})) if models is not None else ()


def _pins(
    node: n.Mcp | n.Gateway | n.Store, surface: tuple[str, ...], found: list[Diagnostic]
) -> list[tuple[str, str]]:
    pins: list[tuple[str, str]] = []
    for pin in (m for m in node.members if isinstance(m, n.Pin)):
        if pin.tool.text not in surface:
            found.append(
                Diagnostic(
                    "PC2007",
                    f"the MCP server `{node.name}` has no tool `{pin.tool.text}`",
                    pin.tool.span,
                    help=did_you_mean(pin.tool.text, surface) or "pin a tool of the `tools` line",
                )
            )
        elif len(pin.digest.text) != len("sha256:") + 64:
            found.append(
                Diagnostic(
                    "PC3012",
                    f"`{pin.digest.text}` is no SHA-256 digest",
                    pin.digest.span,
                    help="write `sha256:` and 64 hexadecimal digits",
                )
            )
        else:
            pins.append((pin.tool.text, pin.digest.text))
    return pins


def _endpoint(at: n.At, inventory: Inventory, found: list[Diagnostic]) -> Endpoint | None:
    if at.service is not None:
        name = f"{at.service.namespace.text}/{at.service.name.text}"
        fact = inventory.services.get(name)
        if fact is None:
            found.append(
                Diagnostic(
                    "PC2006",
                    f"there is no Service `{name}` in the cluster's manifests",
                    at.service.span,
                    help=did_you_mean(name, inventory.services)
                    or "its manifest must be among the `manifests` of the `cluster` block",
                )
            )
            return None
        targets = tuple(t for _, port, t in fact.ports if port == at.port and t > 0)
        if not targets:
            offered = ", ".join(str(port) for _, port, _ in fact.ports) or "none"
            found.append(
                Diagnostic(
                    "PC2006",
                    f"the Service `{name}` has no port {at.port}",
                    at.span,
                    help=f"its ports: {offered}",
                )
            )
        peer = LabelPeer(((_NAMESPACE, fact.namespace),), fact.selector)
        return Endpoint(Transport.SERVICE, service=name, ports=targets, peer=peer)
    if at.host is not None:
        fault = fault_of_subdomain(at.host.text.lower())
        if fault:
            found.append(
                Diagnostic("PC3012", f"`{at.host.text}` is no host name", at.host.span, help=fault)
            )
        return Endpoint(Transport.HOST, host=at.host.text.lower(), ports=(at.port or 0,))
    return Endpoint(Transport.STDIO)
