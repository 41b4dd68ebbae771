"""One element of a region, written as people write it: what a counterexample shows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from policyc.envelope.axes import (
    ALL,
    AddressAxis,
    Axis,
    EnumAxis,
    Extent,
    HostAxis,
    LabelAxis,
    PathAxis,
    PortAxis,
)
from policyc.envelope.region import Region

_TAILS = ("", "x", "a", "0", "x.x", ".x", "-x", "/x", "zz", "x/x")
"""What is put behind the beginning of a set of texts, the plainest first."""

_PLAIN: dict[type[Axis], tuple[str, ...]] = {
    HostAxis: ("example.com", "x.example.org"),
    PathAxis: ("/x", "/etc/x"),
    LabelAxis: ("", "=x"),
    PortAxis: ("443", "80", "8080"),
    AddressAxis: ("192.0.2.1", "2001:db8::1"),
}
"""Elements that people know, shown where the set holds them."""

_USUAL = {"verb": "get", "group": "", "resource": "pods", "namespace": "default", "name": "x"}
"""Axis of texts -> what people write there."""


def witness(region: Region) -> dict[str, str] | None:
    """A point of the region, by axis; labels that are absent are left out.

    None when the region is empty, or holds only texts that are no element (a host name
    with a blank): such a region permits nothing.
    """
    portless: dict[str, str] | None = None
    for box in region.boxes():
        domain = region.domain
        point: dict[str, str] = {}
        for name in [axis.name for axis in domain.axes] + [n for n in box if ":" in n]:
            found = element(domain.axis(name), box.get(name, ALL))
            if found is None:
                break
            if found or ":" not in name:
                point[name] = found
        else:
            if point.get("port") != "0":
                return point
            portless = portless or point  # no connection has port 0: shown if there is no other
    return portless


def element(axis: Axis, extent: Extent) -> str | None:
    """An element of the extent as it is written; None when there is none."""
    return next(elements(axis, extent), None)


def elements(axis: Axis, extent: Extent) -> Iterator[str]:
    """Elements of the extent as they are written, the plainest first, then those at its edges."""
    for written in _candidates(axis, extent):
        try:
            if axis.single(written) <= extent:
                yield written
        except ValueError:
            continue


def _candidates(axis: Axis, extent: Extent) -> Iterator[str]:
    match axis:
        case EnumAxis():
            yield from axis.words
        case PortAxis():
            yield from _PLAIN[PortAxis]
            yield from (str(max(first, 1)) for first, _ in axis.ranges(extent))
            yield "0"
        case AddressAxis():
            yield from _PLAIN[AddressAxis]
            yield from _addresses(axis, extent)
        case _:
            yield from _PLAIN.get(type(axis), (_USUAL.get(axis.name, "x"), "x", ""))
            yield from (_written(axis, text) for text in _texts(extent))


def _addresses(axis: AddressAxis, extent: Extent) -> Iterable[str]:
    """The first host of each network, before its own address."""
    for network in axis.networks(extent):
        if network.num_addresses > 2:
            yield str(ipaddress.ip_address(network.network_address) + 1)
        yield str(network.network_address)


def _texts(extent: Extent) -> Iterator[str]:
    for first, _ in extent.segments():
        text = str(first or "")
        # A segment behind a single text `t` begins at `t` and NUL: no element has a NUL.
        stem = text.split("\0", maxsplit=1)[0]
        for tail in _TAILS:
            yield stem + tail
        # Where a prefix ends, the next text differs in its last character.
        yield from (stem[:cut] + tail for cut in range(len(stem)) for tail in ("", "x", "zz", "~"))


def _written(axis: Axis, value: str) -> str:
    """A value of the axis in its written form: host names are kept from the right."""
    if isinstance(axis, HostAxis):
        return ".".join(reversed([label for label in value.split(".") if label]))
    return value
