"""Frequent slips of the hand, each with what to write instead."""

from __future__ import annotations

import ipaddress
import re

_SCHEME = re.compile(r"[a-z]+://")
_PAIR = re.compile(r"([^:]+):([^:]+)")


def slip_of(before: str, found: str) -> tuple[str, str] | None:
    """What was expected behind ``before`` (empty: as the grammar says) and a help; None if no slip."""
    if found == ":":
        return "", "remove `:`"
    match before:
        case "host":
            return _host(found)
        case "cidr":
            block = _block(found)
            return ("a network", f"write `{block}`") if block else None
        case "labeled" | "and":
            pair = _PAIR.fullmatch(found)
            return ("a label as `key=value`", f"write `{pair[1]}={pair[2]}`") if pair else None
        case ",":
            block = _block(found)
            return ("", f"each peer has its kind: write `cidr {block}`") if block else None
    return None


def _host(found: str) -> tuple[str, str] | None:
    if scheme := _SCHEME.match(found):
        return "a host name", f"leave out `{scheme[0]}`, and what follows the name"
    if "*" in found:
        return "a host name", "`*.` stands only in front: `*.example.com` is every name below it"
    return None


def _block(found: str) -> str | None:
    """The network that an address or a network is, as the language writes it."""
    try:
        return str(ipaddress.ip_network(found, strict=False))
    except ValueError:
        return None
