"""Axes: the ordered coordinate sets that domains are products of.

An axis turns what people write (``443``, ``10.0.0.0/8``, ``*.example.com``,
``faq-*``) into an :class:`Extent`, an exact subset of the axis, and back.
"""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policyc.catalog.paths import typed_path
from policyc.envelope.lattice import Diagram, Node, Value, decision, join, meet, minus

_HERE = (0, "")
_TOP_CHARACTER = chr(0x10FFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """A subset of one axis, as alternating cuts; equality is equality of the sets."""

    diagram: Diagram

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


def between(first: Value | None, end: Value | None) -> Extent:
    """The values from ``first`` up to, not including, ``end``; None is unbounded."""
    if first is None:
        return ALL if end is None else Extent(decision(_HERE, (end,), (True, False)))
    if end is None:
        return Extent(decision(_HERE, (first,), (False, True)))
    return Extent(decision(_HERE, (first, end), (False, True, False))) if first < end else EMPTY  # type: ignore[operator]  # one axis, one type


def union(extents: Iterable[Extent]) -> Extent:
    """The join of many.  Points and ranges are merged by one sort of their ends."""
    spans: list[tuple[Value | None, Value | None]] = []
    for extent in extents:
        spans.extend(extent.segments())
    if not spans:
        return EMPTY
    bounded = sorted((s for s in spans if s[0] is not None), key=lambda s: s[0])  # type: ignore[arg-type,return-value]  # one axis, one type
    merged: list[tuple[Value | None, Value | None]] = []
    head = [s for s in spans if s[0] is None]
    if head:
        ends = [s[1] for s in head]
        merged.append((None, None if None in ends else max(ends)))  # type: ignore[type-var]  # no None left
    for first, end in bounded:
        if merged and (merged[-1][1] is None or first <= merged[-1][1]):  # type: ignore[operator]  # one axis, one type
            last_first, last_end = merged[-1]
            if last_end is not None and (end is None or end > last_end):  # type: ignore[operator]  # one axis, one type
                merged[-1] = (last_first, end)
        else:
            merged.append((first, end))
    cuts: list[Value] = []
    children: list[Diagram] = [merged[0][0] is None]
    for first, end in merged:
        if first is not None:
            cuts.append(first)
            children.append(True)
        if end is not None:
            cuts.append(end)
            children.append(False)
    return Extent(decision(_HERE, cuts, children))


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

    @abstractmethod
    def write(self, extent: Extent) -> tuple[str, ...]:
        """Canonical patterns, most general first.

        A pattern with ``!`` in front takes out; of the patterns that cover an
        element the most specific one decides.  ``parse`` reads them back.
        """

    def parse(self, patterns: Iterable[str]) -> Extent:
        """The inverse of ``write``: patterns applied in order, ``!`` takes out."""
        extent = EMPTY
        adds: list[Extent] = []
        for pattern in patterns:
            if pattern.startswith("!"):
                extent = union([extent, *adds]) - self.extent(pattern[1:])
                adds = []
            else:
                adds.append(self.extent(pattern))
        return union([extent, *adds])


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
        return tuple(w for w in self.words if self.extent(w) <= extent)


class PortAxis(Axis):
    """Ports 0 to 65535: ``443``, ``8000-8010``, ``*``."""

    END = 1 << 16

    def point(self, written: str) -> int:
        number = int(written)
        if not 0 <= number < self.END:
            raise ValueError(f"{written} is not a port")
        return number

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        first, _, last = pattern.partition("-")
        return self.range(self.point(first), self.point(last or first))

    def range(self, first: int, last: int) -> Extent:
        """The ports ``first`` to ``last``, both included."""
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

    IPv4-mapped IPv6 addresses (``::ffff:0:0/96``) are read as the IPv4 address that
    a socket on them reaches.
    """

    V4_END = 1 << 32
    END = V4_END + (1 << 128)

    def point(self, written: str) -> int:
        return self._value(ipaddress.ip_address(written))

    def _value(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return int(address.ipv4_mapped)
            return self.V4_END + int(address)
        return int(address)

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        network = ipaddress.ip_network(pattern)
        if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
            raise ValueError(f"{pattern} is an IPv4 network written as IPv6")
        first = self._value(network.network_address)
        end = first + network.num_addresses
        return between(first or None, end if end < self.END else None)

    def write(self, extent: Extent) -> tuple[str, ...]:
        if extent == ALL:
            return ("*",)
        return tuple(str(n) for n in self.networks(extent))

    def networks(self, extent: Extent) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The fewest CIDR blocks that cover exactly the extent, ascending, IPv4 first."""
        blocks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for a, b in extent.segments():
            first, end = int(a or 0), self.END if b is None else int(b)
            if first < self.V4_END:
                blocks.extend(
                    ipaddress.summarize_address_range(
                        ipaddress.IPv4Address(first),
                        ipaddress.IPv4Address(min(end, self.V4_END) - 1),
                    )
                )
            if end > self.V4_END:
                blocks.extend(
                    ipaddress.summarize_address_range(
                        ipaddress.IPv6Address(max(first, self.V4_END) - self.V4_END),
                        ipaddress.IPv6Address(end - self.V4_END - 1),
                    )
                )
        return blocks


def cone(prefix: str) -> Extent:
    """The texts that begin with ``prefix``."""
    return between(prefix or None, _cone_end(prefix))


def _cone_end(prefix: str) -> str | None:
    """The least text after all that begin with ``prefix``; None when there is none."""
    stem = prefix.rstrip(_TOP_CHARACTER)
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None


class TextAxis(Axis):
    """Any text: ``ticket.read`` is itself, ``ticket.*`` is a prefix, ``*`` everything.

    A literal ``*`` at the end, ``!`` at the front or backslash is written with a
    backslash in front.
    """

    def point(self, written: str) -> str:
        return written

    def extent(self, pattern: str) -> Extent:
        text, is_prefix = _unescape(pattern)
        return cone(text) if is_prefix else self.only(text)

    def only(self, value: str) -> Extent:
        """Exactly this text."""
        return between(value or None, value + "\0")

    def write(self, extent: Extent) -> tuple[str, ...]:
        return tuple(_text_patterns(extent))


def _unescape(pattern: str) -> tuple[str, bool]:
    out: list[str] = []
    is_prefix = False
    i = 0
    while i < len(pattern):
        character = pattern[i]
        if character == "\\" and i + 1 < len(pattern):
            i += 1
            out.append(pattern[i])
        elif character == "*" and i + 1 == len(pattern):
            is_prefix = True
        else:
            out.append(character)
        i += 1
    return "".join(out), is_prefix


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\")
    if text.endswith("*"):
        text = text[:-1] + "\\*"
    return "\\" + text if text.startswith("!") else text


def _text_patterns(extent: Extent) -> list[str]:
    """Patterns for an extent of texts, in the order in which ``parse`` applies them.

    Nearly every extent that people write is single texts and whole prefixes: those
    are read off the segments.  Only what differences leave over needs the trie.
    """
    simple: list[str] = []
    for first, end in extent.segments():
        text = "" if first is None else str(first)
        if end == text + "\0":
            simple.append(_escape(text))
        elif (None if end is None else str(end)) == _cone_end(text):
            simple.append(_escape(text) + "*")
        else:
            return _trie_patterns(extent)
    return simple


def _trie_patterns(extent: Extent) -> list[str]:
    """At each prefix the answer for most texts below it, then the exceptions, longer first last."""
    patterns: list[str] = []

    def walk(prefix: str, inherited: bool) -> None:
        here = extent & cone(prefix)
        if here == (cone(prefix) if inherited else EMPTY):
            return
        steps = _next_characters(here, prefix)
        default = _rest(here, prefix, steps)
        if default != inherited:
            patterns.append(_pattern(prefix, default) + "*")
        if _holds(here, prefix) != default:
            patterns.append(_pattern(prefix, not default))
        for character in steps:
            walk(prefix + character, default)

    walk("", False)
    return patterns


def _pattern(text: str, inside: bool) -> str:
    return _escape(text) if inside else "!" + _escape(text)


def _signed(pattern: str, inside: bool) -> str:
    return pattern if inside else "!" + pattern


def _holds(extent: Extent, text: str) -> bool:
    return bool(extent & TextAxis("").only(text))


def _next_characters(extent: Extent, prefix: str) -> list[str]:
    """The characters after ``prefix`` under which the extent is not like the rest."""
    found: set[str] = set()
    for cut in extent.cuts:
        text = str(cut)
        if text.startswith(prefix) and len(text) > len(prefix):
            character = text[len(prefix)]
            found.add(character)
            if character > "\0":
                found.add(chr(ord(character) - 1))  # a cone's end names its successor
    return sorted(c for c in found if c != "\0" or len(prefix) == 0)


def _rest(extent: Extent, prefix: str, steps: list[str]) -> bool:
    """Whether the texts after ``prefix`` that no step begins are inside."""
    sample = next(c for c in map(chr, range(0x10FFFE, 0, -1)) if c not in steps)
    return _holds(extent, prefix + sample)


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_HOST_MAX = 253  # RFC 1035, without the final dot


class HostAxis(TextAxis):
    """Host names: ``api.example.com``, ``*.example.com`` (one or more labels in front), ``*``.

    Values are the labels from the right, each ended by a dot, so that a suffix is
    a prefix.  Names are compared in lower case and without a final dot (RFC 4343).
    """

    def point(self, written: str) -> str:
        return "".join(f"{label}." for label in reversed(self._labels(written)))

    def extent(self, pattern: str) -> Extent:
        if pattern == "*":
            return ALL
        if pattern.startswith("*."):
            suffix = self.point(pattern[2:])
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
        default = _holds(here, value + "-.")  # no label is a lone hyphen: stands for the rest
        name = ".".join(reversed(value.split(".")[:-1]))
        if default != inherited:
            yield _signed("*." + name if name else "*", default)
        if name and _holds(here, value) != inherited:
            yield _signed(name, not inherited)
        for step in steps:
            yield from self._below(here, f"{value}{step}.", inherited=default)

    def _labels(self, name: str) -> list[str]:
        labels = name.lower().removesuffix(".").split(".")
        if len(name) > _HOST_MAX + 1 or not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError(f"{name!r} is not a host name")
        return labels


class PathAxis(TextAxis):
    """Typed paths: ``/usr/bin/curl`` is itself, ``/data/**`` all below ``/data``.

    Volatile segments are replaced by their type (``policyc.catalog.paths``), so
    ``/proc/17/stat`` and ``/proc/18/stat`` are one value ``/proc/<pid>/stat``.
    """

    def point(self, written: str) -> str:
        return typed_path(written)

    def extent(self, pattern: str) -> Extent:
        if pattern in ("*", "/**"):
            return ALL if pattern == "*" else cone("/")
        stem, is_tree = pattern.removesuffix("/**"), pattern.endswith("/**")
        if not stem.startswith("/") or "*" in stem or "//" in stem:
            raise ValueError(
                f"{pattern!r}: a path is absolute, and only a final `/**` is a wildcard"
            )
        return cone(typed_path(stem) + "/") if is_tree else self.only(typed_path(stem))

    def write(self, extent: Extent) -> tuple[str, ...]:
        """``/**`` marks a tree; a prefix that is no tree keeps its ``*`` (only differences make it)."""
        return tuple(
            pattern[:-1] + "**" if pattern.endswith("/*") else pattern
            for pattern in super().write(extent)
        )


class LabelAxis(TextAxis):
    """The value of one label: ``=value``, or the empty text where the label is absent.

    Patterns: ``=value``, ``=*`` (present), the empty pattern (absent), ``*`` (either).
    """
