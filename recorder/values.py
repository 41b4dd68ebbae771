"""What the texts of options mean; ArgumentTypeError for one that means nothing."""

from __future__ import annotations

import ipaddress
import re
from argparse import ArgumentTypeError

from recorder.kernel import SIZED
from recorder.naming import Network
from recorder.profile import Workload

_UNITS = {"s": 1, "m": 60, "h": 3600}
_HIGHEST_PORT = 65535
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RULE = "lower-case letters, digits and inner `-`, up to 63"
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253


def duration(text: str) -> float:
    """In seconds."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise ArgumentTypeError(f"`{text}` is no time: as 60s, 5m or 1h")
    return int(found[1]) * _UNITS[found[2]]


def workload(text: str) -> Workload:
    """Its container has its name."""
    parts = text.rsplit("/", 3)
    if len(parts) != 4 or not all(parts):
        raise ArgumentTypeError(f"`{text}` is not APIVERSION/KIND/NAMESPACE/NAME")
    version, kind, namespace, name = parts
    if not is_label(namespace):
        raise ArgumentTypeError(f"`{namespace}` is no namespace: {_RULE}")
    if not is_subdomain(name):
        raise ArgumentTypeError(
            f"`{name}` is no workload's name: {_RULE}, or such with `.` between"
        )
    return Workload(version, kind, namespace, name, name)


def container(text: str) -> str:
    """Its name."""
    if not is_label(text):
        raise ArgumentTypeError(f"`{text}` is no container's name: {_RULE}")
    return text


def is_label(text: str) -> bool:
    """Whether it is an RFC 1123 label: what namespaces and containers are called."""
    return len(text) <= _LONGEST_LABEL and _LABEL.fullmatch(text) is not None


def is_subdomain(text: str) -> bool:
    """Whether it is an RFC 1123 subdomain: what workloads are called."""
    return len(text) <= _LONGEST_SUBDOMAIN and all(
        _LABEL.fullmatch(label) is not None for label in text.split(".")
    )


def address(text: str) -> tuple[str, int]:
    """Host and port."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise ArgumentTypeError(f"`{text}` is not HOST:PORT")
    return host.strip("[]"), int(port)


def network(text: str) -> Network:
    """Of one address or more."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        raise ArgumentTypeError(
            f"`{text}` is no address or network: as 10.96.0.10 or 10.96.0.0/12"
        ) from fault


def entries(text: str) -> tuple[str, int]:
    """A map and its size."""
    name, _, count = text.partition("=")
    if name not in SIZED or not count.isdecimal() or int(count) < 1:
        maps = ", ".join(sorted(SIZED))
        raise ArgumentTypeError(f"`{text}` is not MAP=N: a map of {maps}, and a number from 1")
    return name, int(count)
