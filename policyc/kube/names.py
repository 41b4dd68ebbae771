"""What Kubernetes accepts as a name: apimachinery's validation rules."""

from __future__ import annotations

import re

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
