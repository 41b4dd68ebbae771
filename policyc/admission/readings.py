"""Whether an envelope permits what was asked, in one of the ways in which it can be read.

People write ``search``, ``web/search`` and ``web__search`` for one tool.  Spellings are those
of MCP gateways and clients: ``server__tool`` (Envoy AI Gateway, agentgateway),
``mcp__server__tool`` (Claude Code), ``server_tool`` (FastMCP mounts), ``server/tool``,
``server:tool``, ``server.tool``; gateways also turn ``_`` into ``-`` (each one's documentation,
2026-06).  Case counts: MCP tool names are case-sensitive (specification 2025-11-25, tools).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

from policyc.admission.request import Object
from policyc.admission.requested import Endpoint, Model, Tool
from policyc.admission.view import Key, Kind, View, key_of
from policyc.catalog.agent_signs import MODEL_PROVIDERS
from policyc.envelope.axes import ALL, union
from policyc.envelope.domains import EGRESS_HOST, EGRESS_IP, EGRESS_PEER, TOOLS
from policyc.envelope.lattice import Value
from policyc.envelope.model import Envelope
from policyc.envelope.region import Domain, Region

_SEPARATORS = ("/", "__", ":", ".", "_", "-")
_LONGEST_NAME = 128  # MCP specification 2025-11-25, tool names
_LONGEST_CACHED = 512
"""Of names: what is kept must not grow with what is sent."""

_Segments: TypeAlias = tuple[tuple[Value, ...], bool]
_Projected: TypeAlias = Callable[[Region, str], _Segments]


def holds_tool(granted: Region, tool: Tool) -> bool:
    """Whether one reading of the tool's name is a granted tool; linear in the name's length."""
    if _is_short(tool.name, *tool.servers):
        return _cached_tool(granted, tool)
    return _reads_tool(granted, tool, _projected)


def _is_short(*names: str) -> bool:
    return sum(map(len, names)) <= _LONGEST_CACHED


@lru_cache(maxsize=8192)
def _cached_tool(granted: Region, tool: Tool) -> bool:
    return _reads_tool(granted, tool, _projected)


def _reads_tool(granted: Region, tool: Tool, projected: _Projected) -> bool:
    if len(tool.name) > _LONGEST_NAME:
        return False
    name = tool.name.removeprefix("mcp__")
    if tool.servers:
        own = any(_holds(granted, server, name) for server in tool.servers)
        among = {spelling for server in tool.servers for spelling in _spellings(server)}
        return own or any(s in among and _holds(granted, s, t) for s, t in _splits(name))
    tools = projected(granted, "tool")
    if any(_is_in(tools, spelling) for spelling in _spellings(name)):
        return True
    servers = projected(granted, "server")
    return any(
        any(_is_in(servers, spelling) for spelling in _spellings(server))
        and _holds(granted, server, rest)
        for server, rest in _splits(name)
    )


@lru_cache(maxsize=2048)
def _projected(granted: Region, axis: str) -> _Segments:
    return _projection(granted, axis)


def _projection(granted: Region, axis: str) -> _Segments:
    """The values of an axis that any point of a region has: where membership flips, and how it begins."""
    extent = union(box.get(axis, ALL) for box in granted.boxes())
    return extent.cuts, extent.starts_inside


def _is_in(segments: _Segments, value: str) -> bool:
    cuts, starts_inside = segments
    return (bisect_right(cuts, value) % 2 == 1) != starts_inside


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """The readings of a name as server and tool."""
    for separator in _SEPARATORS:
        at = name.find(separator)
        while at >= 0:
            server, tool = name[:at], name[at + len(separator) :]
            if server and tool:
                yield server, tool
            at = name.find(separator, at + 1)


def _spellings(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((name, name.replace("_", "-"), name.replace("-", "_"))))


def _holds(granted: Region, server: str, tool: str) -> bool:
    return any(
        {"server": s, "tool": t} in granted for s in _spellings(server) for t in _spellings(tool)
    )


def holds_all_tools(granted: Region, servers: tuple[str, ...]) -> bool:
    """Whether every tool of a server is granted, whatever tools it has."""
    return (_cached_servers if _is_short(*servers) else _holds_servers)(granted, servers)


@lru_cache(maxsize=1024)
def _cached_servers(granted: Region, servers: tuple[str, ...]) -> bool:
    return _holds_servers(granted, servers)


def _holds_servers(granted: Region, servers: tuple[str, ...]) -> bool:
    return any(TOOLS.single({"server": server}) <= granted for server in servers)


def holds_model(granted: Region, model: Model) -> bool:
    """Whether the model is granted, with or without its vendor in front, through any gateway."""
    if _is_short(model.name, model.provider):
        return _cached_model(granted, model)
    return _reads_model(granted, model, _projected)


@lru_cache(maxsize=4096)
def _cached_model(granted: Region, model: Model) -> bool:
    return _reads_model(granted, model, _projected)


def _reads_model(granted: Region, model: Model, projected: _Projected) -> bool:
    names = [model.name, model.name.replace(":", "/", 1)]
    if model.provider:
        names.append(f"{model.provider}/{model.name}")
    elif "/" not in model.name:
        names += [f"{vendor}/{model.name}" for vendor in MODEL_PROVIDERS]
    models = projected(granted, "model")
    return any(_is_in(models, name) for name in names)


class Reading:
    """A region of one request, which is asked often: what is worked out of it goes with it."""

    def __init__(self, granted: Region) -> None:
        self._granted = granted
        self._known: dict[str, _Segments] = {}

    def holds_tool(self, tool: Tool) -> bool:
        """As the function of that name."""
        return _reads_tool(self._granted, tool, self._projected)

    def holds_model(self, model: Model) -> bool:
        """As the function of that name."""
        return _reads_model(self._granted, model, self._projected)

    def _projected(self, granted: Region, axis: str) -> _Segments:
        if axis not in self._known:
            self._known[axis] = _projection(granted, axis)
        return self._known[axis]


PLACES = frozenset({("", "Service"), ("", "Namespace")})
"""The kinds that say where a name or an address leads within the cluster."""


def holds_endpoint(envelope: Envelope, place: Endpoint, namespace: str, view: View) -> bool:
    """Whether a connection to the place is granted, as a host, an address or a Service."""
    service = _service_at(place, namespace, view)
    if place.network:
        if service is not None and _holds_service(envelope, service, place.port, view):
            return True
        return _fits(envelope.domains["egress_ip"], EGRESS_IP, "address", place.network, place.port)
    if service is not None:
        return _holds_service(envelope, service, place.port, view)
    if _is_api(place.host):
        return bool(envelope.domains["kube"]) or bool(envelope.domains["kube_url"])
    return _fits(envelope.domains["egress_host"], EGRESS_HOST, "host", place.host, place.port)


@lru_cache(maxsize=8192)
def _fits(granted: Region, domain: Domain, axis: str, written: str, port: int | None) -> bool:
    """Whether the place is granted: over TCP at its port, or at some port where it says none."""
    where = {axis: domain.axis(axis).extent(written)}
    if port is not None:
        flow = {
            name: domain.axis(name).extent(w)
            for name, w in (("protocol", "tcp"), ("port", str(port)))
        }
        return domain.box({**where, **flow}) <= granted
    return any(
        domain.box({**{k: v for k, v in box.items() if k != axis}, **where}) <= granted
        for box in granted.boxes()
        if domain.box({**box, **where})
    )


_API_HOSTS = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")  # fmt: skip


def _is_api(host: str) -> bool:
    return host in _API_HOSTS


def lacking(place: Endpoint, namespace: str, view: View) -> frozenset[Kind]:
    """The kinds without whose state nobody can say where the place is."""
    may_be_inside = bool(place.network) or _service_key(place.host, namespace) is not None
    return view.unknown & PLACES if may_be_inside else frozenset()


def not_here(place: Endpoint, namespace: str, view: View) -> Key | None:
    """The Service that the place can only be, where there is none of that name."""
    key = _service_key(place.host, namespace)
    is_inner = "." not in place.host or place.host.split(".")[2:3] == ["svc"]
    if key is None or not is_inner or _is_api(place.host):
        return None
    return key if view.get("", "Service", *key) is None else None


def _service_at(place: Endpoint, namespace: str, view: View) -> Object | None:
    """The Service that the place is, as far as that is known."""
    if ("", "Service") in view.unknown:
        return None
    if place.network:
        return _services(view).get(place.network)
    key = _service_key(place.host, namespace)
    return view.get("", "Service", *key) if key is not None else None


def _service_key(host: str, namespace: str) -> Key | None:
    """The Service that a name means to a pod: its search path comes before the outer world.

    Kubernetes DNS for Services and Pods: the search path is ``NAMESPACE.svc.ZONE``,
    ``svc.ZONE``, ``ZONE``, so ``web`` and ``web.mcp`` are Services where these exist.
    """
    labels = host.split(".")
    if len(labels) == 1:
        return (namespace, host)
    if len(labels) == 2 or labels[2] == "svc":
        return (labels[1], labels[0])
    return None


def _services(view: View) -> dict[str, Object]:
    """The Services by cluster address."""

    def indexed() -> dict[str, Object]:
        found: dict[str, Object] = {}
        for body in view.all("", "Service"):
            spec = body.get("spec")
            addresses = spec.get("clusterIPs") if isinstance(spec, dict) else None
            first = spec.get("clusterIP") if isinstance(spec, dict) else None
            for address in [first, *(addresses if isinstance(addresses, list) else ())]:
                if isinstance(address, str):
                    found[address] = body
        return found

    return view.memo("services by address", indexed, frozenset({("", "Service")}))


def _holds_service(envelope: Envelope, service: Object, port: int | None, view: View) -> bool:
    """Whether the pods of a Service are granted at the port that its own leads to."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return False
    if spec.get("type") == "ExternalName":
        outer = str(spec.get("externalName", "")).lower().removesuffix(".")
        try:
            return _fits(envelope.domains["egress_host"], EGRESS_HOST, "host", outer, port)
        except ValueError:
            return False
    key = key_of(service)
    labels = view.memo(
        ("labels of a Service's pods", key),
        lambda: _labels_of_pods(key, spec, view),
        PLACES,
    )
    return bool(labels) and _holds_peers(
        envelope.domains["egress_peer"], labels, _target(spec, port)
    )


def _labels_of_pods(key: Key, spec: Object, view: View) -> tuple[tuple[str, str], ...]:
    """What is known of the labels of a Service's pods and of their namespace; empty: nothing."""
    selector = spec.get("selector")
    if not isinstance(selector, dict) or not selector:
        return ()
    labels = view.namespace_labels(key[0])
    where = {f"pod:{k}": v for k, v in selector.items() if isinstance(v, str)}
    where |= {f"namespace:{k}": v for k, v in labels.items()}
    return tuple(sorted(where.items()))


def _target(spec: Object, port: int | None) -> int | None:
    """The pods' port behind a Service's port; None where it has a name, or none is said."""
    ports = spec.get("ports")
    for entry in ports if isinstance(ports, list) else ():
        if isinstance(entry, dict) and port is not None and entry.get("port") == port:
            target = entry.get("targetPort", port)
            return target if isinstance(target, int) else None
    return port


@lru_cache(maxsize=2048)
def _holds_peers(granted: Region, labels: tuple[tuple[str, str], ...], port: int | None) -> bool:
    """Whether pods with these labels and any others are granted: at some port where none is said."""
    exact = {name: EGRESS_PEER.axis(name).single(f"={value}") for name, value in labels}
    if port is not None and 0 <= port < 1 << 16:
        exact["port"] = EGRESS_PEER.axis("port").extent(str(port))
        exact["protocol"] = EGRESS_PEER.axis("protocol").extent("tcp")
        return EGRESS_PEER.box(exact) <= granted
    return any(
        EGRESS_PEER.box({k: box[k] for k in _FLOW if k in box} | exact) <= granted
        for box in granted.boxes()
    )


_FLOW = ("protocol", "port")
