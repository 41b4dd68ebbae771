"""Domains and their elements: products of axes, as exact Boolean algebras."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from policyc.core.canonical import Json
from policyc.envelope.axes import Axis, Extent, alternating, between
from policyc.envelope.lattice import (
    Diagram,
    Node,
    Value,
    Variable,
    join,
    join_all,
    meet,
    minus,
    segments,
)

Point: TypeAlias = Mapping[str, str]
"""Axis name -> written element.  A label axis is named ``pod:key`` or ``namespace:key``;
a label that is not named is absent."""

Box: TypeAlias = Mapping[str, Extent]
"""Axis name -> extent; an axis that is not named is unrestricted."""


class Domain:
    """A universe: a product of fixed axes and, for peers, of families of label axes.

    ``families`` maps a prefix (``pod``) to the axis of its members (``pod:app``).
    """

    def __init__(
        self, name: str, axes: tuple[Axis, ...], families: Mapping[str, Axis] | None = None
    ) -> None:
        self.name = name
        self.axes = axes
        self.families = dict(families or {})
        self._rank = {axis.name: i for i, axis in enumerate(axes)}
        for i, family in enumerate(self.families):
            self._rank[family] = len(axes) + i
        self._named = {axis.name: axis for axis in axes}
        self._variables: dict[str, Variable] = {axis.name: (i, "") for i, axis in enumerate(axes)}

    def __repr__(self) -> str:
        return f"Domain({self.name!r})"

    @property
    def empty(self) -> Region:
        return Region(self, False)

    @property
    def full(self) -> Region:
        return Region(self, True)

    def axis(self, name: str) -> Axis:
        """The axis of that name; KeyError when there is none."""
        found = self._named.get(name)
        if found is not None:
            return found
        family, colon, _ = name.partition(":")
        if colon:
            return self.families[family]
        raise KeyError(name)

    def variable(self, name: str) -> Variable:
        found = self._variables.get(name)
        if found is None:
            family, _, key = name.partition(":")
            found = (self._rank[family], key)
        return found

    def variable_name(self, variable: Variable) -> str:
        rank, key = variable
        if rank < len(self.axes):
            return self.axes[rank].name
        return f"{list(self.families)[rank - len(self.axes)]}:{key}"

    def box(self, extents: Box) -> Region:
        """The points that lie in every named extent."""
        diagram: Diagram = True
        for variable, name in _from_last(self, tuple(extents)):
            inside = extents[name].diagram
            if isinstance(inside, Node):
                starts_inside = inside.children[0] is True
                diagram = segments(variable, inside.cuts, diagram, starts_inside=starts_inside)
            elif inside is False:
                return self.empty
        return Region(self, diagram)

    def written(self, patterns: Mapping[str, str | Iterable[str]]) -> Region:
        """The box of written patterns: ``{"protocol": "tcp", "port": ["443", "8443"]}``."""
        return self.box(
            {
                name: self.axis(name).parse((p,) if isinstance(p, str) else p)
                for name, p in patterns.items()
            }
        )

    def single(self, elements: Point) -> Region:
        """The box of written elements, none of whose characters is a wildcard."""
        return self.box({name: self.axis(name).single(e) for name, e in elements.items()})

    def union(self, regions: Iterable[Region]) -> Region:
        """The join of many, in far less than pairwise time."""
        return Region(self, join_all(r.diagram for r in regions))

    def decode(self, value: Json) -> Region:
        """The inverse of ``Region.encode``; ValueError when it is no encoding."""
        if not isinstance(value, list):
            raise ValueError(f"{self.name}: a list of boxes is wanted")
        regions = []
        for box in value:
            if not isinstance(box, dict):
                raise ValueError(f"{self.name}: a box is an object")
            extents: dict[str, Extent] = {}
            for name, patterns in box.items():
                if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
                    raise ValueError(f"{self.name}.{name}: a list of patterns is wanted")
                try:
                    axis = self.axis(name)
                except KeyError:
                    raise ValueError(f"{self.name}: no axis {name!r}") from None
                extents[name] = axis.parse([str(p) for p in patterns])
            regions.append(self.box(extents))
        return self.union(regions)


@lru_cache(maxsize=1 << 12)
def _from_last(domain: Domain, names: tuple[str, ...]) -> tuple[tuple[Variable, str], ...]:
    """Axes with their variables, the last one first: boxes name the same few again and again."""
    return tuple(sorted(((domain.variable(name), name) for name in names), reverse=True))


class Region:
    """A set of points of one domain.  ``<=`` reads "permits no more than"."""

    # No frozen dataclass, which takes three times as long to make: lowering makes hundreds for an agent.
    __slots__ = ("diagram", "domain")

    def __init__(self, domain: Domain, diagram: Diagram) -> None:
        self.domain: Final = domain
        self.diagram: Final = diagram

    def __repr__(self) -> str:
        return f"Region({self.domain.name}: {'; '.join(self.describe(_SHOWN)) or 'nothing'})"

    def __or__(self, other: Region) -> Region:
        return Region(self.domain, join(self.diagram, self._same(other)))

    def __and__(self, other: Region) -> Region:
        return Region(self.domain, meet(self.diagram, self._same(other)))

    def __sub__(self, other: Region) -> Region:
        return Region(self.domain, minus(self.diagram, self._same(other)))

    def __le__(self, other: Region) -> bool:
        return minus(self.diagram, self._same(other)) is False

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Region)
            and self.domain is other.domain
            and self.diagram is other.diagram
        )

    def __hash__(self) -> int:
        return id(self.diagram)

    def __bool__(self) -> bool:
        return self.diagram is not False

    def _same(self, other: Region) -> Diagram:
        if self.domain is not other.domain:
            raise TypeError(f"{self.domain.name} and {other.domain.name} do not mix")
        return other.diagram

    def __contains__(self, point: Point) -> bool:
        node = self.diagram
        while isinstance(node, Node):
            name = self.domain.variable_name(node.variable)
            axis = self.domain.axis(name)
            written = point.get(name)
            value = "" if written is None else axis.point(written)
            node = node.children[bisect_right(node.cuts, value)]
        return node

    def boxes(self) -> list[dict[str, Extent]]:
        """Disjoint boxes that make up the region; the same list for the same region."""
        found: list[dict[str, Extent]] = []
        if self.diagram is not False:
            _walk(self.domain, self.diagram, {}, found)
        return found

    def encode(self) -> list[Json]:
        """Canonical JSON: a list of boxes, each axis with its patterns."""
        return [
            {name: list(self.domain.axis(name).write(extent)) for name, extent in box.items()}
            for box in self.boxes()
        ]

    def describe(self, most: int | None = None) -> list[str]:
        """One line a box, for people: ``protocol tcp, port 443, host *.example.com``.

        The empty text, such as the core API group, is written ``""``.  Only the first boxes where ``most`` says how many.
        """
        return [
            ", ".join(
                f"{name} {' '.join(word or _EMPTY for word in self.domain.axis(name).write(extent))}"
                for name, extent in box.items()
            )
            or "everything"
            for box in self.boxes()[:most]
        ]


_EMPTY = '""'
_SHOWN = 5
"""Boxes of a region that its representation shows."""


def _walk(
    domain: Domain, node: Diagram, box: dict[str, Extent], found: list[dict[str, Extent]]
) -> None:
    """Add the boxes below a node that is not empty, each within ``box``, which is taken over.

    A function of the module: one that calls itself out of its own closure is a cycle, which
    only the garbage collector frees.
    """
    while isinstance(node, Node):
        name = domain.variable_name(node.variable)
        groups = _groups(node)
        if len(groups) > 1:
            for child, extent in groups:
                _walk(domain, child, {**box, name: extent}, found)
            return
        ((node, box[name]),) = groups
    found.append(box)


def _groups(node: Node) -> list[tuple[Diagram, Extent]]:
    """Each child that is not empty, with all the values that lead to it, in order of the first."""
    last = len(node.cuts)
    if last == 2 and node.children[0] is False and node.children[2] is False:  # one value, mostly
        return [(node.children[1], between(*node.cuts))]
    found: dict[int, tuple[Diagram, list[Value]]] = {}
    for i, child in enumerate(node.children):
        if child is not False:
            # Neighbours differ, so a child's segments never touch: their ends are its cuts.
            cuts = found.setdefault(id(child), (child, []))[1]
            if i:
                cuts.append(node.cuts[i - 1])
            if i < last:
                cuts.append(node.cuts[i])
    first = node.children[0]
    return [
        (child, alternating(cuts, starts_inside=child is first)) for child, cuts in found.values()
    ]
