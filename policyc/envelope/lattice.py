"""Exact sets over products of ordered axes: one canonical form for every domain.

A region is a reduced, ordered decision diagram.  A node tests one axis: its
``cuts`` split the axis into half-open segments, and each segment leads to a
child; equal neighbours are merged and a node whose segments all lead to one
child is that child.  So two regions hold the same points exactly if they are
the same object, whatever way they were built, and join, meet and difference
are one merge of cuts.

Texts are ordered by code point.  The set of texts that begin with ``p`` is the
segment from ``p`` to the successor of ``p``; one text ``t`` is the segment from
``t`` to ``t + chr(0)``.  Finite, cofinite and prefix sets are therefore unions of
segments like ranges of numbers, and closed under the same operations.

Cost: an operation takes at most the product of the operands' node counts, and
for the shapes that policies have (a few axes, long flat nodes) is linear.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import TypeAlias
from weakref import WeakValueDictionary

Value: TypeAlias = int | str
Variable: TypeAlias = tuple[int, str]
"""Rank of the axis in its domain, and the key within a family of axes (else empty)."""


class Node:
    """An interned decision: segment ``i`` of ``variable`` leads to ``children[i]``."""

    __slots__ = ("__weakref__", "children", "cuts", "variable")

    def __init__(
        self, variable: Variable, cuts: tuple[Value, ...], children: tuple[Diagram, ...]
    ) -> None:
        self.variable = variable
        self.cuts = cuts
        self.children = children


Diagram: TypeAlias = Node | bool

_NODES: WeakValueDictionary[tuple[object, ...], Node] = WeakValueDictionary()


def decision(variable: Variable, cuts: Iterable[Value], children: Iterable[Diagram]) -> Diagram:
    """The reduced, interned diagram; ``children`` is one longer than ``cuts``, which ascend."""
    kept_children: list[Diagram] = []
    kept_cuts: list[Value] = []
    iterator = iter(children)
    last = next(iterator)
    kept_children.append(last)
    for cut, child in zip(cuts, iterator, strict=True):
        if child is not last:
            kept_cuts.append(cut)
            kept_children.append(child)
            last = child
    if not kept_cuts:
        return last
    cuts_key = tuple(kept_cuts)
    children_key = tuple(kept_children)
    key = (variable, cuts_key, tuple(map(id, children_key)))
    node = _NODES.get(key)
    if node is None:
        node = Node(variable, cuts_key, children_key)
        _NODES[key] = node
    return node


def _join_now(a: Diagram, b: Diagram) -> Diagram | None:
    if a is True or b is True:
        return True
    if a is False or a is b:
        return b
    return a if b is False else None


def _meet_now(a: Diagram, b: Diagram) -> Diagram | None:
    if a is False or b is False:
        return False
    if a is True or a is b:
        return b
    return a if b is True else None


def _minus_now(a: Diagram, b: Diagram) -> Diagram | None:
    if a is False or b is True or a is b:
        return False
    return a if b is False else None


Shortcut: TypeAlias = Callable[[Diagram, Diagram], "Diagram | None"]


def _apply(shortcut: Shortcut, a: Diagram, b: Diagram) -> Diagram:
    # The memo holds the operands themselves: ids are only unique while objects live.
    memo: dict[tuple[int, int], Diagram] = {}

    def go(a: Diagram, b: Diagram) -> Diagram:
        now = shortcut(a, b)
        if now is not None:
            return now
        key = (id(a), id(b))
        found = memo.get(key)
        if found is None:
            found = memo[key] = split(a, b)
        return found

    def split(a: Diagram, b: Diagram) -> Diagram:
        a_variable = a.variable if isinstance(a, Node) else None
        b_variable = b.variable if isinstance(b, Node) else None
        if b_variable is None or (a_variable is not None and a_variable < b_variable):
            assert isinstance(a, Node)
            return decision(a.variable, a.cuts, [go(child, b) for child in a.children])
        if a_variable is None or b_variable < a_variable:
            assert isinstance(b, Node)
            return decision(b.variable, b.cuts, [go(a, child) for child in b.children])
        assert isinstance(a, Node) and isinstance(b, Node)
        if shortcut is not _join_now:
            if shortcut is _meet_now and len(b.cuts) < len(a.cuts):
                a, b = b, a
            return _within(a, b, go)
        cuts, pairs = _overlay(a, b)
        return decision(a_variable, cuts, [go(x, y) for x, y in pairs])

    return go(a, b)


def _within(a: Node, b: Node, go: Callable[[Diagram, Diagram], Diagram]) -> Diagram:
    """Meet or difference: what is outside of ``a`` is outside of the result.

    So only the segments of ``a`` that lead somewhere are looked up in ``b``: a small
    region against a large one costs a search, not a merge.
    """
    cuts: list[Value] = []
    children: list[Diagram] = []
    b_cuts, b_children = b.cuts, b.children
    last = len(a.cuts)
    for i, child in enumerate(a.children):
        if i:
            cuts.append(a.cuts[i - 1])
        if child is False:
            children.append(False)
            continue
        first = bisect_right(b_cuts, a.cuts[i - 1]) if i else 0
        end = bisect_left(b_cuts, a.cuts[i]) if i < last else len(b_cuts)
        children.append(go(child, b_children[first]))
        for j in range(first, end):
            cuts.append(b_cuts[j])
            children.append(go(child, b_children[j + 1]))
    return decision(a.variable, cuts, children)


def _overlay(a: Node, b: Node) -> tuple[list[Value], list[tuple[Diagram, Diagram]]]:
    """The common refinement of two nodes of one variable: cuts, and a pair a segment."""
    a_cuts, b_cuts, a_children, b_children = a.cuts, b.cuts, a.children, b.children
    a_end, b_end = len(a_cuts), len(b_cuts)
    i = j = 0
    cuts: list[Value] = []
    pairs = [(a_children[0], b_children[0])]
    while i < a_end or j < b_end:
        if j == b_end or (i < a_end and a_cuts[i] <= b_cuts[j]):  # type: ignore[operator]  # one axis, one type
            cut = a_cuts[i]
            if j < b_end and b_cuts[j] == cut:
                j += 1
            i += 1
        else:
            cut = b_cuts[j]
            j += 1
        cuts.append(cut)
        pairs.append((a_children[i], b_children[j]))
    return cuts, pairs


def join(a: Diagram, b: Diagram) -> Diagram:
    return _apply(_join_now, a, b)


def meet(a: Diagram, b: Diagram) -> Diagram:
    return _apply(_meet_now, a, b)


def minus(a: Diagram, b: Diagram) -> Diagram:
    return _apply(_minus_now, a, b)


def join_all(diagrams: Iterable[Diagram]) -> Diagram:
    """The union of many, by halves: each level merges every cut once."""
    layer = list(diagrams)
    while len(layer) > 1:
        paired = [join(a, b) for a, b in zip(layer[::2], layer[1::2], strict=False)]
        if len(layer) % 2:
            paired.append(layer[-1])
        layer = paired
    return layer[0] if layer else False


SortKey: TypeAlias = tuple[object, ...]


def sort_key(diagram: Diagram) -> SortKey:
    """Orders diagrams by their structure: the same in every process, whatever was built before."""
    if not isinstance(diagram, Node):
        return (int(diagram),)
    return (2, diagram.variable, diagram.cuts, tuple(map(sort_key, diagram.children)))
