"""Written grants to regions: one clause for each domain that a grant speaks of."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from policyc.catalog.capabilities import CAPABILITIES as KNOWN_CAPABILITIES
from policyc.catalog.kube_api import (
    BUILT_IN,
    NAMELESS_VERBS,
    NONRESOURCE_VERBS,
    RESOURCE_VERBS,
    built_in_resources,
    is_custom_group,
    split_resource,
    subresources,
)
from policyc.catalog.syscalls import PROFILES, all_names, names, profile
from policyc.core.diagnostics import Diagnostic
from policyc.core.suggest import did_you_mean
from policyc.envelope import domains as d
from policyc.envelope.axes import Axis, Extent, PortAxis, union
from policyc.envelope.region import Domain, Region
from policyc.kube.names import fault_of_label_pair
from policyc.semantics.cluster import Inventory
from policyc.semantics.model import Clause, Declared, ServiceFact
from policyc.semantics.protected import without_protected
from policyc.semantics.symbols import Symbols
from policyc.syntax import nodes as n

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server itself puts on every namespace and keeps there."""

_FEW = 16
"""A vocabulary of up to so many words is listed where a word is not in it."""

_Part = tuple[Region, bool]
"""A region and whether it was written with a pattern."""


@dataclass(slots=True)
class Grants:
    """Turns the grants of one file into clauses; errors go to ``found``."""

    symbols: Symbols
    inventory: Inventory
    declared: dict[str, Declared]
    found: list[Diagnostic]

    def clauses(
        self, grant: n.Grant, path: str, holder: str, *, takes_away: bool = False
    ) -> list[Clause]:
        """The clauses of a grant written in ``path`` by the class or agent ``holder``.

        A grant that takes away (``never``, ``deny``, ``approve``) takes the protected points too.
        """
        text = " ".join(grant.span.text.split())
        made: list[Clause] = []
        by_domain: dict[str, list[_Part]] = {}
        for region, wildcard in self._parts(grant, path):
            kept = without_protected(region) if wildcard and not takes_away else region
            by_domain.setdefault(region.domain.name, []).append((kept, wildcard))
        for domain, parts in by_domain.items():
            region = d.DOMAINS[domain].union(r for r, _ in parts)
            wildcard = any(w for _, w in parts)
            made.append(Clause(domain, region, grant.span, text, wildcard, declared_in=holder))
        return made

    def _error(self, code: str, node: n.Node, message: str, hint: str | None) -> None:
        self.found.append(Diagnostic(code, message, node.span, help=hint))

    def _parts(self, grant: n.Grant, path: str) -> Iterator[_Part]:
        match grant:
            case n.EgressGrant():
                yield from self._flow(grant, "egress")
            case n.IngressGrant():
                yield from self._flow(grant, "ingress")
            case n.KubeGrant():
                yield from self._kube(grant)
            case n.KubeUrlGrant():
                yield from self._kube_url(grant)
            case n.SyscallGrant():
                yield from self._syscalls(grant)
            case n.CapabilityGrant():
                words = [
                    w
                    for w in grant.names
                    if self._known(w, KNOWN_CAPABILITIES, "PC2009", "capability")
                ]
                yield d.CAPABILITIES.written({"name": [w.text for w in words]}), False
            case n.ExecGrant():
                yield from self._paths(d.EXEC, {}, grant.paths)
            case n.FileGrant():
                modes = [
                    w.text
                    for w in grant.modes
                    if self._known(w, ("read", "write"), "PC2011", "file mode")
                ]
                if modes:
                    yield from self._paths(
                        d.FILES, {"mode": d.FILES.axis("mode").parse(modes)}, grant.paths
                    )
            case n.ToolGrant():
                yield from self._tools(grant, path)
            case n.ModelGrant():
                yield from self._models(grant, path)
            case n.MemoryGrant():
                yield from self._memory(grant, path)
            case n.IdentityGrant():
                providers = ("service-account", "aws", "gke", "azure")
                if self._known(grant.provider, providers, "PC2011", "identity provider"):
                    yield (
                        d.IDENTITY.written(
                            {"provider": grant.provider.text, "name": [p.text for p in grant.names]}
                        ),
                        _any_pattern(grant.names),
                    )
            case n.ImageGrant():
                yield d.IMAGE.written({"reference": [p.text for p in grant.images]}), True

    def _known(self, word: n.Word, known: Iterable[str], code: str, what: str) -> bool:
        names_ = sorted(known)
        if word.text in names_:
            return True
        hint = did_you_mean(word.text, names_)
        if hint is None and len(names_) <= _FEW:
            hint = f"known are {', '.join(names_)}"
        self._error(code, word, f"there is no {what} `{word.text}`", hint)
        return False

    # -- network -----------------------------------------------------------------

    def _flow(self, grant: n.EgressGrant | n.IngressGrant, direction: str) -> Iterator[_Part]:
        if not self._known(grant.protocol, ("*", *d.PROTOCOLS), "PC2011", "protocol"):
            return
        axis = d.EGRESS_IP.axis("port")
        assert isinstance(axis, PortAxis)
        ports: list[Extent] = []
        for port in grant.ports:
            if port.last > 65535 or port.first > port.last:
                self._error(
                    "PC3012",
                    port,
                    f"`{port.span.text}` is no port range",
                    "ports are 0 to 65535, the lower one first",
                )
            else:
                ports.append(axis.range(port.first, port.last))
        flow = {
            "protocol": d.EGRESS_IP.axis("protocol").extent(grant.protocol.text),
            "port": union(ports),
        }
        for peer in grant.peers:
            yield from self._peer(peer, flow, direction, grant)

    def _peer(
        self,
        peer: n.Peer,
        flow: dict[str, Extent],
        direction: str,
        grant: n.EgressGrant | n.IngressGrant,
    ) -> Iterator[_Part]:
        by_ip, by_peer = d.DOMAINS[f"{direction}_ip"], d.DOMAINS[f"{direction}_peer"]
        match peer:
            case n.HostPeer(host=host):
                if direction == "ingress":
                    self._error(
                        "PC3017",
                        peer,
                        "a connection that comes in has no host name",
                        "write `cidr`, `pods` or `service`",
                    )
                elif (
                    names_ := self._extent(d.EGRESS_HOST.axis("host"), host, "host name")
                ) is not None:
                    yield d.EGRESS_HOST.box({**flow, "host": names_}), host.text.startswith("*")
            case n.CidrPeer():
                addresses = self._network(peer)
                if addresses is not None:
                    yield by_ip.box({**flow, "address": addresses}), not _is_single(peer.cidr.text)
            case n.ServicePeer():
                fact = self._service(peer.service)
                if fact is not None:
                    yield from self._behind(fact, peer, grant, by_peer)
            case n.PodsPeer():
                box = self._labels(peer)
                if box is not None:
                    yield by_peer.box({**flow, **box}), False
            case n.AnyPeer():
                yield by_ip.box(flow), True
                yield by_peer.box(flow), True
                if direction == "egress":
                    yield d.EGRESS_HOST.box(flow), True

    def _extent(self, axis: Axis, word: n.Word | n.String, what: str) -> Extent | None:
        text = word.value if isinstance(word, n.String) else word.text
        try:
            return axis.extent(text)
        except ValueError as fault:
            self._error("PC3012", word, f"`{text}` is no {what}", str(fault))
            return None

    def _network(self, peer: n.CidrPeer) -> Extent | None:
        axis = d.EGRESS_IP.axis("address")
        whole = self._cidr(axis, peer.cidr)
        if whole is None:
            return None
        for hole in peer.excepts:
            part = self._cidr(axis, hole)
            if part is None:
                return None
            if not part <= whole or part == whole:
                self._error(
                    "PC3012",
                    hole,
                    f"`{hole.text}` does not lie strictly inside `{peer.cidr.text}`",
                    "an exception is a smaller part of its network",
                )
                return None
            whole -= part
        return whole

    def _cidr(self, axis: Axis, word: n.Word) -> Extent | None:
        try:
            return axis.extent(word.text)
        except ValueError:
            hint = "write a network such as 10.20.0.0/16"
            with contextlib.suppress(ValueError):
                hint = f"its host bits are set: write `{ipaddress.ip_network(word.text, strict=False)}`"
            self._error("PC3012", word, f"`{word.text}` is no network", hint)
            return None

    def _service(self, ref: n.ObjectRef) -> ServiceFact | None:
        name = f"{ref.namespace.text}/{ref.name.text}"
        fact = self.inventory.services.get(name)
        if fact is None:
            hint = did_you_mean(name, self.inventory.services) or (
                "its manifest must be among the `manifests` of the `cluster` block"
            )
            self._error(
                "PC2006", ref, f"there is no Service `{name}` in the cluster's manifests", hint
            )
        elif not fact.selector:
            self._error(
                "PC2006",
                ref,
                f"the Service `{name}` selects no pods",
                "grant the addresses behind it with `cidr` or `host`",
            )
            return None
        return fact

    def _behind(
        self,
        fact: ServiceFact,
        peer: n.ServicePeer,
        grant: n.EgressGrant | n.IngressGrant,
        domain: Domain,
    ) -> Iterator[_Part]:
        """The pods of a Service, on the ports that its written ports lead to."""
        protocols = d.PROTOCOLS if grant.protocol.text == "*" else (grant.protocol.text,)
        targets = [
            (protocol, target)
            for protocol, port, target in fact.ports
            if protocol in protocols and any(r.first <= port <= r.last for r in grant.ports)
        ]
        if not targets or any(target < 0 for _, target in targets):
            offered = ", ".join(f"{p} {port}" for p, port, _ in fact.ports) or "no port"
            named = any(target < 0 for _, target in targets)
            self._error(
                "PC2006",
                peer,
                f"the Service `{fact.namespace}/{fact.name}` has no such port"
                if not named
                else f"the port of `{fact.namespace}/{fact.name}` has a name for its target",
                f"it offers {offered}"
                if not named
                else "write the number as targetPort in the manifest",
            )
            return
        labels = _label_box(
            (("pod", dict(fact.selector)), ("namespace", {NAMESPACE_LABEL: fact.namespace})), domain
        )
        for protocol, target in targets:
            flow = {
                "protocol": domain.axis("protocol").extent(protocol),
                "port": domain.axis("port").extent(str(target)),
            }
            yield domain.box({**flow, **labels}), False

    def _labels(self, peer: n.PodsPeer) -> dict[str, Extent] | None:
        ok = True
        for labels in (peer.pod_labels, peer.namespace_labels):
            keys: set[str] = set()
            for label in labels:
                fault = fault_of_label_pair(label.key.text, label.value.text)
                if fault is None and label.key.text in keys:
                    fault = "its key stands twice, and no pod has two values of it"
                keys.add(label.key.text)
                if fault:
                    self._error("PC3012", label, f"`{label.span.text}` cannot be selected", fault)
                    ok = False
        if not ok:
            return None
        axis = d.EGRESS_PEER.axis("pod:x")
        box: dict[str, Extent] = {}
        for label in peer.pod_labels:
            box[f"pod:{label.key.text}"] = axis.extent(f"={label.value.text}")
        for label in peer.namespace_labels:
            box[f"namespace:{label.key.text}"] = axis.extent(f"={label.value.text}")
        if peer.namespaces:
            box[f"namespace:{NAMESPACE_LABEL}"] = axis.parse(f"={w.text}" for w in peer.namespaces)
        return box

    # -- API server ----------------------------------------------------------------

    def _kube(self, grant: n.KubeGrant) -> Iterator[_Part]:
        verbs = [
            w
            for w in grant.verbs
            if w.text == "*" or self._known(w, RESOURCE_VERBS, "PC2011", "verb")
        ]
        if grant.names and any(w.text in NAMELESS_VERBS for w in verbs):
            self._error(
                "PC3018",
                grant,
                "`create` and `deletecollection` requests carry no name, so `named` never matches them",
                "write them in a line of their own, without `named`",
            )
            return
        boxes = []
        for word in grant.resources:
            if self._is_resource(word):
                boxes.append(_resource_patterns(word.text))
        scope: dict[str, list[str]] = {}
        if grant.cluster_scope:
            scope["namespace"] = [""]
        elif grant.namespaces:
            scope["namespace"] = [w.text for w in grant.namespaces]
        if grant.names:
            scope["name"] = [p.text for p in grant.names]
        if verbs:
            for box in boxes:
                yield (
                    d.KUBE.written({"verb": [w.text for w in verbs], **box, **scope}),
                    "*" in str(box),
                )

    def _is_resource(self, word: n.Word) -> bool:
        group, resource = split_resource(word.text)
        plural, _, sub = resource.partition("/")
        if word.text == "*" or is_custom_group(group):
            return True
        known = built_in_resources()
        if plural in BUILT_IN.get(group, ()):
            if not sub or sub in ("*", *subresources(group, plural)) or plural == "userextras":
                return True
            message = f"the resource `{plural}` has no subresource `{sub}`"
        else:
            where = f"of group `{group}`" if group else "of the core group"
            message = f"there is no resource `{plural}` {where}"
        moved = [k for k in sorted(known) if k.startswith(f"{plural}.")]
        hint = f"did you mean `{moved[0]}`?" if moved and not group else None
        hint = hint or did_you_mean(word.text, known) or "write other groups as `plural.group`"
        self._error("PC2011", word, message, hint)
        return False

    def _kube_url(self, grant: n.KubeUrlGrant) -> Iterator[_Part]:
        verbs = [
            w.text
            for w in grant.verbs
            if w.text == "*" or self._known(w, NONRESOURCE_VERBS, "PC2011", "verb")
        ]
        for url in grant.urls:
            if not url.text.startswith("/") and url.text != "*":
                self._error(
                    "PC3012",
                    url,
                    f"`{url.text}` is no URL path",
                    "a path begins with `/`, and only its end may be `*`",
                )
                return
        if verbs:
            yield d.KUBE_URL.written({"verb": verbs, "url": [u.text for u in grant.urls]}), False

    # -- kernel --------------------------------------------------------------------

    def _syscalls(self, grant: n.SyscallGrant) -> Iterator[_Part]:
        chosen = [
            w.text
            for w in grant.architectures
            if self._known(w, d.ARCHITECTURES, "PC2008", "architecture")
        ]
        architectures = chosen if grant.architectures else list(d.ARCHITECTURES)
        if grant.profile is not None and not self._known(
            grant.profile, PROFILES, "PC2008", "syscall profile"
        ):
            return
        excepts = {
            w.text for w in grant.excepts if self._known(w, all_names(), "PC2008", "syscall")
        }
        listed = {w.text for w in grant.names if self._known(w, all_names(), "PC2008", "syscall")}
        for architecture in architectures:
            base = (
                profile(grant.profile.text, architecture)
                if grant.profile
                else listed & names(architecture)
            )
            allowed = sorted(base - excepts)
            if allowed:
                yield d.SYSCALLS.written({"architecture": architecture, "name": allowed}), False

    def _paths(
        self, domain: Domain, box: dict[str, Extent], paths: Sequence[n.String]
    ) -> Iterator[_Part]:
        for path in paths:
            extent = self._extent(domain.axis("path"), path, "path")
            if extent is not None:
                yield domain.box({**box, "path": extent}), path.value.endswith("**")

    # -- declared things -------------------------------------------------------------

    def _tools(self, grant: n.ToolGrant, path: str) -> Iterator[_Part]:
        servers: list[Declared] = []
        if grant.server.text == "*":
            servers = [s for s in self.declared.values() if s.kind == "mcp" and s.is_reviewed]
        else:
            found = self.symbols.resolve("MCP server", grant.server, path)
            if found is not None and self._is_usable(
                self.declared[f"mcp {found.name}"], grant.server
            ):
                servers = [self.declared[f"mcp {found.name}"]]
        tool = d.TOOLS.axis("tool")
        for server in servers:
            surface = tool.parse(server.surface)
            for pattern in grant.tools:
                part = tool.extent(pattern.text) & surface
                if part:
                    yield (
                        d.TOOLS.box(
                            {"server": d.TOOLS.axis("server").extent(server.name), "tool": part}
                        ),
                        False,
                    )
                elif grant.server.text != "*":
                    self._error(
                        "PC2007",
                        pattern,
                        f"the MCP server `{server.name}` has no tool `{pattern.text}`",
                        did_you_mean(pattern.text, server.surface)
                        or "its `tools` line names its whole surface",
                    )

    def _is_usable(self, thing: Declared, name: n.Name) -> bool:
        if thing.is_reviewed:
            return True
        self.found.append(
            Diagnostic(
                "PC3011",
                f"`{thing.name}` has not been reviewed, so nothing of it can be granted",
                name.span,
                help='add a `reviewed by "..." on DATE because "..."` line to its declaration',
            )
        )
        return False

    def _models(self, grant: n.ModelGrant, path: str) -> Iterator[_Part]:
        model, gateways = d.MODELS.axis("model"), d.MODELS.axis("gateway")
        wildcard = _any_pattern(grant.models)
        if grant.gateway is None:
            wanted = union(model.extent(p.text) for p in grant.models)
            yield d.MODELS.box({"model": wanted, "gateway": gateways.extent("")}), wildcard
            return
        found = self.symbols.resolve("gateway", grant.gateway, path)
        if found is None:
            return
        gateway = self.declared[f"gateway {found.name}"]
        if not self._is_usable(gateway, grant.gateway):
            return
        offered = model.parse(gateway.surface or ("*",))
        served = [model.extent(p.text) & offered for p in grant.models]
        for pattern, part in zip(grant.models, served, strict=True):
            if not part:
                self._error(
                    "PC2007",
                    pattern,
                    f"the gateway `{gateway.name}` serves no model `{pattern.text}`",
                    did_you_mean(pattern.text, gateway.surface)
                    or "its `models` line names what it serves",
                )
        if any(served):
            box = {"model": union(served), "gateway": gateways.extent(gateway.name)}
            yield d.MODELS.box(box), wildcard

    def _memory(self, grant: n.MemoryGrant, path: str) -> Iterator[_Part]:
        operations = [
            w.text
            for w in grant.operations
            if self._known(w, ("read", "write", "delete"), "PC2011", "operation")
        ]
        stores = []
        for name in grant.stores:
            found = self.symbols.resolve("store", name, path)
            if found is not None and self._is_usable(self.declared[f"store {found.name}"], name):
                stores.append(found.name)
        if operations and stores:
            box: dict[str, list[str]] = {"operation": operations, "store": stores}
            if grant.scopes:
                box["scope"] = [s.value for s in grant.scopes]
            yield d.MEMORY.written(box), False


def with_reason(clause: Clause, because: str, until: str = "") -> Clause:
    return replace(clause, because=because, until=until)


def _any_pattern(patterns: Iterable[n.Pattern]) -> bool:
    return any(p.text.endswith("*") for p in patterns)


def _is_single(cidr: str) -> bool:
    network = ipaddress.ip_network(cidr)
    return network.num_addresses == 1


def _resource_patterns(written: str) -> dict[str, list[str]]:
    if written == "*":
        return {}
    group, resource = split_resource(written)
    return {"group": [group], "resource": [resource]}


def _label_box(families: Iterable[tuple[str, dict[str, str]]], domain: Domain) -> dict[str, Extent]:
    return {
        f"{family}:{key}": domain.axis(f"{family}:{key}").extent(f"={value}")
        for family, labels in families
        for key, value in labels.items()
    }
