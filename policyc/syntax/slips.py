"""Frequent slips of the hand, each with what to write instead."""

from __future__ import annotations

import ipaddress
import re

_SCHEME = re.compile(r"[a-z]+://")
_UNITS = {
    word: unit
    for unit, words in {
        "s": "s sec secs second seconds",
        "m": "m min mins minute minutes",
        "h": "h hour hours",
        "d": "d day days",
    }.items()
    for word in words.split()
}
_DAYS_OF_A_WEEK = 7
_PAIR = re.compile(r"([^:]+):([^:]+)")


def slip_of(before: str, found: str, after: str = "") -> tuple[str, str] | None:
    """What was expected behind ``before`` (empty: as the grammar says) and a help; None if no slip.

    ``after`` is what stands behind ``found``.
    """
    if found == ":":
        return "", "remove `:`"
    if duration := _duration(before, found) or _duration(found, after):
        return "a duration such as `14d` or `72h`", f"write `{duration}`"
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


def _duration(number: str, unit: str) -> str | None:
    """``7 days`` as the language writes it."""
    if not number.isdigit():
        return None
    if unit in ("week", "weeks"):
        return f"{_DAYS_OF_A_WEEK * int(number)}d"
    return f"{number}{_UNITS[unit]}" if unit in _UNITS else None


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
