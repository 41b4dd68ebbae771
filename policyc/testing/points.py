"""Points of a region, and points just beside it, for Hypothesis."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from policyc.envelope.axes import ALL, AddressAxis, Axis, Extent, PortAxis
from policyc.envelope.region import Box, Domain, Point, Region
from policyc.envelope.witness import elements, witness

_MOST = 64
"""Elements of one extent that are listed: the plainest, and those at its first edges."""


def inside(region: Region) -> SearchStrategy[Point]:
    """Points that the region holds; none at all where it is empty."""
    boxes = [box for box in region.boxes() if witness(region.domain.box(box)) is not None]
    return st.one_of([_in_box(region.domain, box) for box in boxes])


def representatives(region: Region) -> Iterator[Point]:
    """The plainest point of each of its boxes."""
    for box in region.boxes():
        point = witness(region.domain.box(box))
        if point is not None:
            yield point


def beside(region: Region) -> SearchStrategy[Point]:
    """Points that the region does not hold: most of them differ from one of it on one axis.

    None at all where the region is everything.
    """
    domain = region.domain
    rest = domain.full - region
    if witness(rest) is None:
        return st.nothing()
    near = [
        _in_box(domain, {**box, name: other}).filter(lambda point: point not in region)
        for box in region.boxes()
        for name, extent in box.items()
        if (other := ALL - extent) and next(elements(domain.axis(name), other), None) is not None
    ]
    return st.one_of([*near, inside(rest)])


def labels_of(point: Point) -> dict[str, dict[str, str]]:
    """Family (``namespace`` or ``pod``) -> the labels that a point of peers has."""
    found: dict[str, dict[str, str]] = {"namespace": {}, "pod": {}}
    for name, value in point.items():
        family, colon, key = name.partition(":")
        if colon:
            found[family][key] = value.removeprefix("=")
    return found


def _in_box(domain: Domain, box: Box) -> SearchStrategy[Point]:
    names = [axis.name for axis in domain.axes] + [name for name in box if ":" in name]
    drawn = {name: elements_of(domain.axis(name), box.get(name, ALL)) for name in names}
    return st.fixed_dictionaries(drawn).map(_without_absent)


def _without_absent(point: Mapping[str, str]) -> Point:
    """A label that is absent is not named."""
    return {name: value for name, value in point.items() if value or ":" not in name}


@lru_cache(maxsize=1 << 10)
def elements_of(axis: Axis, extent: Extent) -> SearchStrategy[str]:
    """Written elements of an extent; examples shrink to the plainest one."""
    known = list(dict.fromkeys(islice(elements(axis, extent), _MOST)))
    plain = st.sampled_from(known) if known else st.nothing()
    match axis:
        case PortAxis():
            ranges = [(max(first, 1), last) for first, last in axis.ranges(extent) if last]
            return plain | st.one_of([st.integers(*ends).map(str) for ends in ranges])
        case AddressAxis():
            return plain | st.one_of([_addresses(network) for network in axis.networks(extent)])
    return plain


def _addresses(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> SearchStrategy[str]:
    return st.integers(0, network.num_addresses - 1).map(lambda n: str(network[n]))
