"""What Kubernetes accepts as a name: apimachinery's validation rules."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def fault_of_label(name: str) -> str | None:
    """Why ``name`` is no RFC 1123 label (namespaces, containers, Services); None when it is one."""
    if len(name) > 63:
        return "it is longer than 63 characters"
    if not _LABEL.fullmatch(name):
        return "it may hold lower-case letters, digits and `-`, and begins and ends with a letter or digit"
    return None


def fault_of_subdomain(name: str) -> str | None:
    """Why ``name`` is no RFC 1123 subdomain (most objects' names); None when it is one."""
    if len(name) > 253:
        return "it is longer than 253 characters"
    if not _SUBDOMAIN.fullmatch(name):
        return "it may hold lower-case letters, digits, `-` and `.`, and begins and ends with a letter or digit"
    return None


def fault_of_label_pair(key: str, value: str) -> str | None:
    """Why ``key=value`` is no label; None when it is one."""
    prefix, slash, name = key.rpartition("/")
    if slash and fault_of_subdomain(prefix):
        return f"the prefix `{prefix}` of its key is no domain name"
    if not name or len(name) > 63 or not _LABEL_VALUE.fullmatch(name):
        return "its key is no label name"
    if value and (len(value) > 63 or not _LABEL_VALUE.fullmatch(value)):
        return "its value is no label value"
    return None


_NAME_LABELS = 2
"""A Service's name and namespace stand before ``svc``."""


def service_of_host(host: str) -> str | None:
    """``namespace/name`` of a Service's DNS name, or None when it is no such name.

    Kubernetes DNS specification 1.1.0: ``name.namespace.svc.zone``, and for a pod of a
    headless Service one label more in front.
    """
    labels = host.split(".")
    if "svc" not in labels[_NAME_LABELS:]:
        return None
    at = labels.index("svc", _NAME_LABELS)
    return f"{labels[at - 1]}/{labels[at - 2]}"


@lru_cache(maxsize=1 << 12)
def canonical_address(address: str) -> str:
    """One spelling for one address; IPv4-mapped IPv6 addresses are their IPv4 address.

    ValueError when it is none.
    """
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
