"""Where a server or gateway is: what a recording says of it, and which declarations say the same."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Region
from policyc.kube.names import canonical_address, service_of_host
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Declared, Endpoint, Transport

STDIO = "stdio:"
"""Before the name of a program that reads its standard input (docs/reference/recorder.md)."""
_AT_PORT = re.compile(r"(?P<host>\S+) port (?P<port>[0-9]{1,5})")
_COMM_LENGTH = 15
"""The kernel keeps so much of a program's name: TASK_COMM_LEN of include/linux/sched.h, less its NUL."""
_LOOPBACK = "the pod itself"
_NAME_ONLY, _WITH_NAMESPACE = 1, 2
USED_THROUGH = {
    "mcp": ("tools", "server"),
    "gateway": ("models", "gateway"),
    "store": ("memory", "store"),
}
"""Kind of declaration -> the domain in which it is used, and the axis that names it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A server's text in a recording, read: a program, or a host (or address) and perhaps a port.

    ``services`` are the Services that the host or address may be, as ``namespace/name``.
    """

    text: str
    program: str = ""
    host: str = ""
    port: int = 0  # 0: the recording does not tell
    services: tuple[str, ...] = ()


def recorded(text: str, agent: CheckedAgent, policy: CheckedPolicy) -> Recorded:
    """Read a server's text as the agent's pod means it: a short name is of its own namespace."""
    if text.startswith(STDIO):
        return Recorded(text, program=text.removeprefix(STDIO))
    match = _AT_PORT.fullmatch(text)
    host = (match["host"] if match else text).lower().removesuffix(".")
    port = int(match["port"]) if match else 0
    namespace = agent.workload.namespace if agent.workload is not None else ""
    return Recorded(text, "", host, port, tuple(_services(host, namespace, policy)))


def declared_at(
    kind: str, found: Recorded, agent: CheckedAgent, policy: CheckedPolicy
) -> list[Declared]:
    """The declarations of a kind that say the same; of several, those in the agent's reach.

    One whose own name was recorded says the same, too: not every tool records addresses.
    """
    things = [
        thing
        for thing in policy.declared.values()
        if thing.kind == kind and (thing.name == found.text or _is_at(thing, found, policy))
    ]
    if len(things) < _WITH_NAMESPACE:
        return things
    return [thing for thing in things if in_reach(thing, agent)] or things


def in_reach(thing: Declared, agent: CheckedAgent) -> bool:
    """Whether the agent's cap names anything of a server or gateway."""
    used = all_of(thing)
    cap = agent.cap(used.domain.name)
    return cap is not None and bool(cap & used)


def all_of(thing: Declared) -> Region:
    """Every use of a declared thing, in the domain in which it is used."""
    domain, axis = USED_THROUGH[thing.kind]
    return DOMAINS[domain].single({axis: thing.name})


def is_program_of(thing: Declared, program: str) -> bool:
    """Whether a program has the name of a server, or that of its image."""
    image = thing.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return program in {name[:_COMM_LENGTH] for name in (thing.name, image) if name}


def is_loopback(host: str) -> bool:
    """Whether a host is the pod itself, which needs no grant to be reached."""
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return host == "localhost" or (address is not None and address.is_loopback)


def where(endpoint: Endpoint | None) -> str:
    """The place of a declaration, nearly as its `at` line has it."""
    if endpoint is None:
        return "nowhere"
    match endpoint.transport:
        case Transport.SERVICE:
            return f"at service {endpoint.service}"
        case Transport.HOST:
            return f"at host {endpoint.host}:{endpoint.ports[0]}"
        case Transport.STDIO:
            return "at stdio"


def at_line(found: Recorded, policy: CheckedPolicy) -> str | None:
    """The `at` line of a declaration that would fit; None for an address that no line can have."""
    if found.program:
        return "at stdio"
    for name in found.services:
        if (fact := policy.services.get(name)) is not None:
            only = str(fact.ports[0][1]) if len(fact.ports) == 1 else "PORT"
            return f"at service {name}:{found.port or only}"
    address = _address(found.host)
    if is_loopback(found.host):
        return f"at host localhost:{found.port or 'PORT'}"
    if isinstance(address, ipaddress.IPv6Address) or (address is not None and address.is_private):
        return (
            None  # an `at` line has no IPv6, and a private address is a pod's that comes and goes
        )
    return f"at host {found.host}:{found.port or 'PORT'}"


def _services(host: str, namespace: str, policy: CheckedPolicy) -> list[str]:
    """Kubernetes DNS specification 1.1.0, and the search domains of a pod: ``name`` and ``name.namespace``."""
    address = _address(host)
    if address is not None:
        fact = policy.services_by_address.get(canonical_address(host))
        return [f"{fact.namespace}/{fact.name}"] if fact is not None else []
    whole = service_of_host(host)
    if whole is not None:
        return [whole]
    labels = host.split(".")
    if len(labels) == _NAME_ONLY and namespace:
        return [f"{namespace}/{host}"]
    return [f"{labels[1]}/{labels[0]}"] if len(labels) == _WITH_NAMESPACE else []


def _is_at(thing: Declared, found: Recorded, policy: CheckedPolicy) -> bool:
    endpoint = thing.endpoint
    if endpoint is None or not found.host:
        return False
    match endpoint.transport:
        case Transport.SERVICE:
            return endpoint.service in found.services and _has_port(endpoint, found.port, policy)
        case Transport.HOST:
            is_same = _place(endpoint.host) == _place(found.host) or (
                service_of_host(endpoint.host) in found.services
            )
            return is_same and found.port in (0, *endpoint.ports)
        case Transport.STDIO:
            return False


def _has_port(endpoint: Endpoint, port: int, policy: CheckedPolicy) -> bool:
    """Whether a Service's port leads to where the declaration is."""
    ports = policy.services[endpoint.service].ports
    return not port or any(p == port and target in endpoint.ports for _, p, target in ports)


def _place(host: str) -> str:
    return _LOOPBACK if is_loopback(host) else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
