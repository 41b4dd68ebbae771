"""Laws of every domain: a Boolean algebra whose elements are exactly sets of points."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.denotation import in_boxes
from support.regions import points, regions, written_boxes

from policyc.envelope import lattice
from policyc.envelope.domains import DOMAINS, EGRESS_IP
from policyc.envelope.region import Domain

ALL_DOMAINS = pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)


@ALL_DOMAINS
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_regions_are_the_points_that_their_boxes_say(domain: Domain, data: st.DataObject) -> None:
    plus = data.draw(st.lists(written_boxes(domain), max_size=4))
    minus = data.draw(st.lists(written_boxes(domain), max_size=3))
    a, b = domain.union(map(domain.written, plus)), domain.union(map(domain.written, minus))
    for _ in range(5):
        point = data.draw(points(domain))
        in_a, in_b = in_boxes(domain, plus, point), in_boxes(domain, minus, point)
        assert (point in a) == in_a
        assert (point in a - b) == (in_a and not in_b)
        assert (point in a & b) == (in_a and in_b)
        assert (point in a | b) == (in_a or in_b)


@ALL_DOMAINS
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_boolean_algebra(domain: Domain, data: st.DataObject) -> None:
    a, b, c = (data.draw(regions(domain)) for _ in range(3))
    assert a | b == b | a
    assert a & b == b & a
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (b & c) == (a | b) & (a | c)
    assert a | (a & b) == a
    assert a & (a | b) == a
    assert a | domain.empty == a
    assert a & domain.full == a
    assert (a - b) & b == domain.empty
    assert (a - b) | (a & b) == a
    assert domain.full - (domain.full - a) == a


@ALL_DOMAINS
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_order_is_inclusion(domain: Domain, data: st.DataObject) -> None:
    a, b = data.draw(regions(domain)), data.draw(regions(domain))
    assert (a <= b) == (a | b == b) == (a & b == a) == (not a - b)
    assert a & b <= a <= a | b


@ALL_DOMAINS
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_canonical_whatever_the_order_of_building(domain: Domain, data: st.DataObject) -> None:
    boxes = data.draw(st.lists(written_boxes(domain), max_size=5))
    shuffled = data.draw(st.permutations(boxes))
    one_by_one = domain.empty
    for box in shuffled:
        one_by_one |= domain.written(box)
    assert one_by_one == domain.union(map(domain.written, boxes))
    assert one_by_one.encode() == domain.union(map(domain.written, boxes)).encode()


@ALL_DOMAINS
@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(data=st.data())
def test_codec_and_boxes(domain: Domain, data: st.DataObject) -> None:
    region = data.draw(regions(domain))
    assert domain.decode(region.encode()) == region
    boxes = [domain.box(box) for box in region.boxes()]
    assert domain.union(boxes) == region
    for i, box in enumerate(boxes):
        assert box
        assert all(not box & other for other in boxes[:i])


@ALL_DOMAINS
def test_every_axis_is_whole_when_all_of_it_is_named(domain: Domain) -> None:
    for axis in domain.axes:
        assert domain.written({axis.name: "*"}) == domain.full
        words = getattr(axis, "words", None)
        if words:
            assert domain.written({axis.name: words}) == domain.full


def test_addresses_and_ports_have_an_end() -> None:
    everything = EGRESS_IP.written({"address": ["0.0.0.0/0", "::/0"], "port": "0-65535"})
    assert everything == EGRESS_IP.full


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("egress_host", {"host": "a b"}),
        ("egress_host", {"host": "a.*.b"}),
        ("egress_ip", {"address": "10.0.0.1/8"}),
        ("egress_ip", {"address": "::ffff:10.0.0.0/104"}),
        ("egress_ip", {"port": "70000"}),
        ("egress_ip", {"protocol": "icmp"}),
        ("files", {"path": "relative"}),
        ("files", {"path": "/a/*/b"}),
    ],
)
def test_what_is_no_pattern_is_refused(name: str, pattern: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        DOMAINS[name].written(pattern)


def test_mixing_domains_is_refused() -> None:
    with pytest.raises(TypeError):
        _ = DOMAINS["egress_ip"].full | DOMAINS["ingress_ip"].full


def test_nodes_are_freed_with_their_regions() -> None:
    def build() -> Region:
        return EGRESS_IP.union(
            EGRESS_IP.written({"address": f"10.77.{i}.0/24", "port": str(40000 + i)})
            for i in range(64)
        )

    build()  # the extents of single values stay in caches of a fixed size
    gc.collect()
    before = len(lattice._NODES)
    region = build()
    assert len(lattice._NODES) > before + 64
    del region
    gc.collect()
    assert len(lattice._NODES) <= before + 2
