"""Axes: the ordered coordinate sets that domains are products of.

An axis turns what people write (``443``, ``10.0.0.0/8``, ``*.example.com``,
``faq-*``) into an :class:`Extent`, an exact subset of the axis, and back.
"""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from policyc.catalog.paths import typed_path
from policyc.envelope.lattice import Diagram, Node, Value, decision, join, meet, minus, segments
from policyc.envelope.patterns import cone_end, text_patterns, unescape

_HERE = (0, "")


class Extent:
    """A subset of one axis, as alternating cuts; equality is equality of the sets."""

    __slots__ = ("diagram",)  # no dataclass, as Region is none

    def __init__(self, diagram: Diagram) -> None:
        self.diagram: Final = diagram

    def __repr__(self) -> str:
        return f"Extent({self.segments()})"

    def __or__(self, other: Extent) -> Extent:
        return Extent(join(self.diagram, other.diagram))

    def __and__(self, other: Extent) -> Extent:
        return Extent(meet(self.diagram, other.diagram))

    def __sub__(self, other: Extent) -> Extent:
        return Extent(minus(self.diagram, other.diagram))

    def __le__(self, other: Extent) -> bool:
        return minus(self.diagram, other.diagram) is False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extent) and self.diagram is other.diagram

    def __hash__(self) -> int:
        return id(self.diagram)

    def __bool__(self) -> bool:
        return self.diagram is not False

    @property
    def starts_inside(self) -> bool:
        """Whether the least value of the axis belongs to the set."""
        return self.diagram.children[0] is True if isinstance(self.diagram, Node) else self.diagram

    @property
    def cuts(self) -> tuple[Value, ...]:
        """Where membership flips, ascending."""
        return self.diagram.cuts if isinstance(self.diagram, Node) else ()

    def segments(self) -> list[tuple[Value | None, Value | None]]:
        """The half-open segments inside: (first, end), None where unbounded."""
        edges: list[Value | None] = [*self.cuts, None]
        if self.starts_inside:
            edges.insert(0, None)
        return list(zip(edges[::2], edges[1::2], strict=False))


EMPTY = Extent(False)
ALL = Extent(True)


@lru_cache(maxsize=1 << 15)
def between(first: Value | None, end: Value | None) -> Extent:
    """The values from ``first`` up to, not including, ``end``; None is unbounded."""
    if first is None:
        return ALL if end is None else Extent(decision(_HERE, (end,), (True, False)))
    if end is None:
        return Extent(decision(_HERE, (first,), (False, True)))
    return Extent(decision(_HERE, (first, end), (False, True, False))) if first < end else EMPTY  # type: ignore[operator]  # one axis, one type


def alternating(cuts: Sequence[Value], *, starts_inside: bool) -> Extent:
    """The set whose membership flips at each cut; they ascend."""
    return Extent(segments(_HERE, tuple(cuts), True, starts_inside=starts_inside))


def union(extents: Iterable[Extent]) -> Extent:
    """The join of many.  Points and ranges are merged by one sort of their ends."""
    head: Value | None = None  # where the longest segment from the axis's beginning ends
    tail: Value | None = None  # where the longest one to the axis's end begins
    inner: list[tuple[Value, ...]] = []
    for extent in extents:
        node = extent.diagram
        if node is True:
            return ALL
        if not isinstance(node, Node):
            continue
        cuts = node.cuts
        if node.children[0] is True:
            head = cuts[0] if head is None else max(head, cuts[0])
            cuts = cuts[1:]
        if len(cuts) % 2:
            tail = cuts[-1] if tail is None else min(tail, cuts[-1])
            cuts = cuts[:-1]
        if len(cuts) == 2:
            inner.append(cuts)
        else:
            inner += zip(cuts[::2], cuts[1::2], strict=True)
    merged = _merged(inner, [] if head is None else [head])
    while tail is not None and merged and tail <= merged[-1]:  # type: ignore[operator]  # one axis, one type
        if len(merged) == 1:
            return ALL
        merged.pop()
        tail = min(tail, merged.pop())
    if tail is not None:
        merged.append(tail)
    return alternating(merged, starts_inside=head is not None)


def _merged(segments: list[tuple[Value, ...]], edges: list[Value]) -> list[Value]:
    """``edges``, the last of which ends a segment, with the edges of bounded segments."""
    for first, end in sorted(segments):
        if not edges or first > edges[-1]:  # type: ignore[operator]  # one axis, one type
            edges += (first, end)
        elif end > edges[-1]:  # type: ignore[operator]  # one axis, one type
            edges[-1] = end
    return edges


class Axis(ABC):
    """One coordinate.  ``point`` and ``extent`` read the written form, ``write`` makes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def point(self, written: str) -> Value:
        """The value of one written element; ValueError when it is none."""

    @abstractmethod
    def extent(self, pattern: str) -> Extent:
        """The set that a written pattern stands for; ValueError when it is none."""

    def single(self, written: str) -> Extent:
        """The set of one written element, none of whose characters is a wildcard."""
        return self.extent(written)

    @abstractmethod
    def write(self, extent: Extent) -> tuple[str, ...]:
        """Canonical patterns, most general first.

        A pattern with ``!`` in front takes out; of the patterns that cover an
        element the most specific one decides.  ``parse`` reads them back.
        """

    def parse(self, patterns: Iterable[str]) -> Extent:
        """The inverse of ``write``: patterns applied in order, ``!`` takes out."""
        extent = EMPTY
        if isinstance(patterns, list) and len(patterns) == 1 and patterns[0][:1] != "!":
            return _read(self, patterns[0])
        for takes_out, run in groupby(patterns, lambda pattern: pattern.startswith("!")):
            if takes_out:
                extent -= union(_read(self, pattern[1:]) for pattern in run)
            else:
                more = [_read(self, pattern) for pattern in run]
                extent = union([extent, *more]) if extent or len(more) > 1 else more[0]
        return extent


@lru_cache(maxsize=1 << 15)
def _read(axis: Axis, pattern: str) -> Extent:
    """Policies and envelopes repeat the same few patterns."""
    return axis.extent(pattern)


class EnumAxis(Axis):
    """A closed vocabulary; values are indexes, so that the axis has an end."""

    def __init__(self, name: str, words: tuple[str, ...]) -> None:
        super().__init__(name)
        self.words = words
        self._index = {word: i for i, word in enumerate(words)}

    def point(self, written: str) -> int:
        if written not in self._index:
            raise ValueError(f"{written!r} is none of {', '.join(self.words)}")
        return self._index[written]

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        index = self.point(pattern)
        return between(index or None, index + 1 if index + 1 < len(self.words) else None)

    def write(self, extent: Extent) -> tuple[str, ...]:
        if extent == ALL:
            return ("*",)
        last = len(self.words)
        return tuple(
            word
            for first, end in extent.segments()
            for word in self.words[int(first or 0) : last if end is None else int(end)]
        )


_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")


class PortAxis(Axis):
    """Ports 0 to 65535: ``443``, ``8000-8010``, ``*``."""

    END = 1 << 16

    def point(self, written: str) -> int:
        if not _NUMBER.fullmatch(written) or int(written) >= self.END:
            raise ValueError(f"{written!r} is not a port")
        return int(written)

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        first, dash, last = pattern.partition("-")
        return self.range(self.point(first), self.point(last if dash else first))

    def range(self, first: int, last: int) -> Extent:
        """The ports ``first`` to ``last``, both included; ValueError when there are none."""
        if first > last:
            raise ValueError(f"{first}-{last} runs backwards")
        return between(first or None, last + 1 if last + 1 < self.END else None)

    def write(self, extent: Extent) -> tuple[str, ...]:
        if extent == ALL:
            return ("*",)
        return tuple(str(a) if a == b else f"{a}-{b}" for a, b in self.ranges(extent))

    def ranges(self, extent: Extent) -> list[tuple[int, int]]:
        """The inclusive ranges, ascending."""
        return [
            (int(a or 0), (self.END if b is None else int(b)) - 1) for a, b in extent.segments()
        ]


class AddressAxis(Axis):
    """IPv4 and IPv6 addresses on one line: IPv6 follows after the last IPv4 address.

    IPv4-mapped IPv6 addresses (``::ffff:0:0/96``, RFC 4291) are read as the IPv4 address
    that a socket on them reaches, so the line has no place of its own for them.
    """

    V4_END = 1 << 32
    _MAPPED = 0xFFFF << 32
    _MAPPED_END = 0x10000 << 32
    END = V4_END + (1 << 128) - (_MAPPED_END - _MAPPED)

    def point(self, written: str) -> int:
        address = ipaddress.ip_address(_unscoped(written))
        if isinstance(address, ipaddress.IPv4Address):
            return int(address)
        mapped = address.ipv4_mapped
        return self._v6_place(int(address)) if mapped is None else int(mapped)

    def _v6_place(self, number: int) -> int:
        """Where an IPv6 address stands; the mapped ones are squeezed out."""
        squeezed = min(max(number - self._MAPPED, 0), self._MAPPED_END - self._MAPPED)
        return self.V4_END + number - squeezed

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        _, slash, length = pattern.partition("/")
        if not slash:
            return self.single(pattern)
        if not (length.isascii() and length.isdigit()):
            raise ValueError(f"{pattern!r}: a network is written with the length of its prefix")
        network = ipaddress.ip_network(_unscoped(pattern))
        first = int(network.network_address)
        end = first + network.num_addresses
        if isinstance(network, ipaddress.IPv6Network):
            if network.network_address.ipv4_mapped is not None:
                raise ValueError(f"{pattern!r} is an IPv4 network written as IPv6")
            first, end = self._v6_place(first), self._v6_place(end)
        return between(first or None, end if end < self.END else None)

    def single(self, written: str) -> Extent:
        value = self.point(written)
        return between(value or None, value + 1 if value + 1 < self.END else None)

    def write(self, extent: Extent) -> tuple[str, ...]:
        if extent == ALL:
            return ("*",)
        return tuple(str(n) for n in self.networks(extent))

    def networks(self, extent: Extent) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The fewest CIDR blocks that cover exactly the extent, ascending, IPv4 first.

        A block around the mapped addresses holds them too: no packet bears one.
        """
        blocks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for a, b in extent.segments():
            first, end = int(a or 0), self.END if b is None else int(b)
            if first < self.V4_END and end == first + 1:
                blocks.append(ipaddress.IPv4Network(first))
            elif first < self.V4_END:
                blocks.extend(
                    ipaddress.summarize_address_range(
                        ipaddress.IPv4Address(first),
                        ipaddress.IPv4Address(min(end, self.V4_END) - 1),
                    )
                )
            if end > self.V4_END:
                blocks.extend(
                    ipaddress.summarize_address_range(
                        ipaddress.IPv6Address(self._v6_number(max(first, self.V4_END))),
                        ipaddress.IPv6Address(self._v6_number(end - 1)),
                    )
                )
        return blocks

    def _v6_number(self, place: int) -> int:
        number = place - self.V4_END
        return number if number < self._MAPPED else number + self._MAPPED_END - self._MAPPED


def _unscoped(written: str) -> str:
    if "%" in written:
        raise ValueError(f"{written!r}: the zone of an address means something on one host only")
    return written


def cone(prefix: str) -> Extent:
    """The texts that begin with ``prefix``."""
    return between(prefix or None, cone_end(prefix))


class TextAxis(Axis):
    """Any text: ``ticket.read`` is itself, ``ticket.*`` is a prefix, ``*`` everything.

    A literal ``*`` at the end, ``!`` at the front or backslash is written with a
    backslash in front.
    """

    def point(self, written: str) -> str:
        return written

    def extent(self, pattern: str) -> Extent:
        text, is_prefix = unescape(pattern)
        return cone(text) if is_prefix else self.only(text)

    def single(self, written: str) -> Extent:
        return self.only(self.point(written))

    def only(self, value: str) -> Extent:
        """Exactly this value."""
        return between(value or None, value + "\0")

    def write(self, extent: Extent) -> tuple[str, ...]:
        return tuple(text_patterns([str(c) for c in extent.cuts], inside=extent.starts_inside))


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_HOST_MAX = 253  # RFC 1035, without the final dot


class HostAxis(TextAxis):
    """Host names: ``api.example.com``, ``*.example.com`` (one or more labels in front), ``*``.

    Values are the labels from the right, each ended by a dot, so that a suffix is
    a prefix.  Names are compared in lower case and without a final dot (RFC 4343);
    a name in other scripts is written in its ASCII form (RFC 5890).
    """

    def point(self, written: str) -> str:
        return "".join(f"{label}." for label in reversed(_labels(written)))

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        if pattern.startswith("*."):
            # `x` stands for the shortest label, for which the name must have room.
            suffix = self.point("x" + pattern[1:]).removesuffix("x.")
            return cone(suffix) - self.only(suffix)
        return self.only(self.point(pattern))

    def write(self, extent: Extent) -> tuple[str, ...]:
        """Names and suffixes; ``!`` takes out, and the longer suffix decides."""
        return tuple(self._below(extent, "", inherited=False))

    def _below(self, extent: Extent, value: str, *, inherited: bool) -> Iterator[str]:
        here = extent & cone(value)
        if here == (cone(value) if inherited else EMPTY):
            return
        steps = sorted(
            {
                str(cut)[len(value) :].split(".")[0]
                for cut in here.cuts
                if str(cut).startswith(value) and "." in str(cut)[len(value) :]
            }
        )
        default = bool(here & self.only(value + "-."))  # no label is a hyphen: it is all others
        name = ".".join(reversed(value.split(".")[:-1]))
        if default != inherited:
            yield _signed("*." + name if name else "*", default)
        if name and bool(here & self.only(value)) != inherited:
            yield _signed(name, not inherited)
        for step in steps:
            yield from self._below(here, f"{value}{step}.", inherited=default)


def _signed(pattern: str, inside: bool) -> str:
    return pattern if inside else "!" + pattern


def _labels(name: str) -> list[str]:
    bare = name.removesuffix(".")
    labels = bare.lower().split(".")
    if (
        not bare.isascii()
        or len(bare) > _HOST_MAX
        or not all(_LABEL.fullmatch(label) for label in labels)
        or labels[-1].isdigit()  # an IPv4 address; no top-level domain is a number (RFC 1123)
    ):
        raise ValueError(f"{name!r} is not a host name")
    return labels


class PathAxis(TextAxis):
    """Typed paths: ``/usr/bin/curl`` is itself, ``/data/**`` all strictly below ``/data``.

    Volatile segments are replaced by their type (``policyc.catalog.paths``), so
    ``/proc/17/stat`` and ``/proc/18/stat`` are one value ``/proc/<pid>/stat``.
    ``/**`` is every path.  A literal ``*`` or backslash has a backslash in front.
    """

    def point(self, written: str) -> str:
        if not written.startswith("/"):
            raise ValueError(f"{written!r}: a path is absolute")
        return typed_path(written)

    def extent(self, pattern: str) -> Extent:
        if pattern in ("*", "/**"):
            return ALL
        stem = pattern.removesuffix("/**")
        text = _unstarred(stem)
        if "//" in text:
            raise ValueError(f"{pattern!r}: a segment is empty")
        return self.only(self.point(text)) if stem == pattern else cone(self.point(text) + "/")

    def write(self, extent: Extent) -> tuple[str, ...]:
        """Paths and trees; ``!`` takes out, and the longer tree decides."""
        return tuple(_starred(pattern) for pattern in super().write(extent))


_STARRED = re.compile(r"\\(.)|\*", re.DOTALL)


def _unstarred(stem: str) -> str:
    def literal(found: re.Match[str]) -> str:
        if found[1] is None:
            raise ValueError(f"{stem!r}: only a final `/**` is a wildcard")
        return found[1]

    return _STARRED.sub(literal, stem)


def _starred(pattern: str) -> str:
    """A text pattern over paths as a path pattern: trees end in ``/**``, other stars are literal."""
    sign = "!" if pattern.startswith("!") else ""
    text, is_prefix = unescape(pattern.removeprefix(sign))
    literal = text.replace("\\", "\\\\").replace("*", "\\*")
    if is_prefix:
        return sign + (literal.removesuffix("/") + "/**")
    return sign + literal


class LabelAxis(TextAxis):
    """The value of one label: ``=value``, or the empty text where the label is absent.

    Patterns: ``=value``, ``=prefix*``, ``=*`` (present), the empty pattern (absent), ``*``
    (either).  The texts before ``=`` are one with the empty one, and all after it are
    values, so that absent and present together are everything.
    """

    def point(self, written: str) -> str:
        if written and not written.startswith("="):
            raise ValueError(f"{written!r}: a label's value is written `=value`")
        return written

    def only(self, value: str) -> Extent:
        """One value with its ``=``; the empty text is absence."""
        return super().only(value) if value else between(None, "=")

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        text, is_prefix = unescape(self.point(pattern)[1:])
        if not pattern or not is_prefix:
            return self.only("=" + text if pattern else "")
        end = cone_end(text)
        return between("=" + text, None if end is None else "=" + end)

    def write(self, extent: Extent) -> tuple[str, ...]:
        if extent == ALL:
            return ("*",)
        cuts = [str(cut) for cut in extent.cuts]
        absent = inside = extent.starts_inside
        if cuts and cuts[0] == "=":
            inside = not absent
        values = text_patterns([cut[1:] for cut in cuts if cut != "="], inside=inside)
        return (*([""] if absent else []), *(_of_value(pattern) for pattern in values))


def _of_value(pattern: str) -> str:
    return "!=" + pattern[1:] if pattern.startswith("!") else "=" + pattern
