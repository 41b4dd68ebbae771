"""Membership by the definition of each pattern, without the algebra: slow and plain."""

from __future__ import annotations

import ipaddress

from policyc.catalog.paths import typed_path
from policyc.envelope.axes import AddressAxis, EnumAxis, HostAxis, LabelAxis, PathAxis, PortAxis
from policyc.envelope.region import Domain


def matches(axis: object, pattern: str, element: str) -> bool:
    """Whether a written pattern covers a written element."""
    if pattern == "*":
        return True
    match axis:
        case EnumAxis():
            return pattern == element
        case PortAxis():
            first, _, last = pattern.partition("-")
            return int(first) <= int(element) <= int(last or first)
        case AddressAxis():
            return ipaddress.ip_address(element) in ipaddress.ip_network(pattern)
        case HostAxis():
            if pattern.startswith("*."):
                return element.endswith(pattern[1:])
            return element == pattern
        case PathAxis():
            if pattern.endswith("/**"):
                return typed_path(element).startswith(pattern[:-2])
            return typed_path(element) == typed_path(pattern)
        case LabelAxis():
            return element.startswith("=") if pattern == "=*" else element == pattern
    if pattern == "\\*":
        return element == "*"
    if pattern.endswith("*"):
        return element.startswith(pattern[:-1])
    return element == pattern


def in_box(domain: Domain, box: dict[str, list[str]], point: dict[str, str]) -> bool:
    """Whether every named axis has a pattern that covers the point."""
    return all(
        any(matches(domain.axis(name), p, point.get(name, "")) for p in patterns)
        for name, patterns in box.items()
    )


def in_boxes(domain: Domain, boxes: list[dict[str, list[str]]], point: dict[str, str]) -> bool:
    return any(in_box(domain, box, point) for box in boxes)
