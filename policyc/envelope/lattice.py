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
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import TypeAlias
from weakref import ref

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

_Key: TypeAlias = "tuple[Variable, tuple[Value, ...], tuple[Diagram, ...]]"


class _Reference(ref[Node]):
    """A node's weak reference, which knows the key to take away with it."""

    __slots__ = ("key",)

    key: _Key


# Not a WeakValueDictionary, whose calls of Python cost half of what they look up.
_NODES: dict[_Key, _Reference] = {}


def _forget(reference: _Reference) -> None:
    # The key may have come again, and then leads to a new node.
    if _NODES.get(reference.key) is reference:
        del _NODES[reference.key]


def decision(variable: Variable, cuts: Sequence[Value], children: Sequence[Diagram]) -> Diagram:
    """The reduced, interned diagram; ``children`` is one longer than ``cuts``, which ascend."""
    last = children[0]
    kept_cuts: list[Value] = []
    kept: list[Diagram] = [last]
    for i, cut in enumerate(cuts, start=1):
        child = children[i]
        if child is not last:
            kept_cuts.append(cut)
            kept.append(child)
            last = child
    if not kept_cuts:
        return last
    return _interned(variable, tuple(kept_cuts), tuple(kept))


def segments(
    variable: Variable, cuts: tuple[Value, ...], inside: Diagram, *, starts_inside: bool
) -> Diagram:
    """``inside`` in every second segment of the axis, from the first on if it starts inside."""
    if inside is False:
        return False
    if not cuts:
        return inside if starts_inside else False
    if len(cuts) == 2 and not starts_inside:  # one value, mostly
        return _interned(variable, cuts, (False, inside, False))
    pair: tuple[Diagram, Diagram] = (inside, False) if starts_inside else (False, inside)
    return _interned(variable, cuts, (pair * (len(cuts) // 2 + 1))[: len(cuts) + 1])


def _interned(variable: Variable, cuts: tuple[Value, ...], children: tuple[Diagram, ...]) -> Node:
    # Nodes are compared by identity, and no child is a number: `True` is none here.
    key = (variable, cuts, children)
    known = _NODES.get(key)
    node = None if known is None else known()
    if node is None:
        node = Node(variable, cuts, children)
        reference = _NODES[key] = _Reference(node, _forget)
        reference.key = key
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


Memo: TypeAlias = dict[tuple[int, int], "Diagram"]


def _apply(shortcut: Shortcut, a: Diagram, b: Diagram) -> Diagram:
    now = shortcut(a, b)
    # The operands are held by the caller: ids are only unique while objects live.
    return _split(shortcut, a, b, {}) if now is None else now


def _go(shortcut: Shortcut, a: Diagram, b: Diagram, memo: Memo) -> Diagram:
    now = shortcut(a, b)
    if now is not None:
        return now
    key = (id(a), id(b))
    found = memo.get(key)
    if found is None:
        found = memo[key] = _split(shortcut, a, b, memo)
    return found


def _split(shortcut: Shortcut, a: Diagram, b: Diagram, memo: Memo) -> Diagram:
    a_variable = a.variable if isinstance(a, Node) else None
    b_variable = b.variable if isinstance(b, Node) else None
    if b_variable is None or (a_variable is not None and a_variable < b_variable):
        assert isinstance(a, Node)
        children = [_go(shortcut, child, b, memo) for child in a.children]
        return decision(a.variable, a.cuts, children)
    if a_variable is None or b_variable < a_variable:
        assert isinstance(b, Node)
        children = [_go(shortcut, a, child, memo) for child in b.children]
        return decision(b.variable, b.cuts, children)
    assert isinstance(a, Node) and isinstance(b, Node)
    if shortcut is _join_now:
        cuts, pairs = _overlay(a, b)
        return decision(a_variable, cuts, [_go(shortcut, x, y, memo) for x, y in pairs])
    if shortcut is _meet_now and len(b.cuts) < len(a.cuts):
        a, b = b, a
    return _within(shortcut, a, b, memo)


def _within(shortcut: Shortcut, a: Node, b: Node, memo: Memo) -> Diagram:
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
        children.append(_go(shortcut, child, b_children[first], memo))
        for j in range(first, end):
            cuts.append(b_cuts[j])
            children.append(_go(shortcut, child, b_children[j + 1], memo))
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


_Joined: TypeAlias = dict[frozenset[int], tuple[list[Node], Diagram]]
"""Unions by the ids of their nodes, which are held: an id is only unique while its object lives."""

_AT_ONCE = 128
"""How many diagrams one sweep merges: more make fewer passes, but longer lists to sweep."""


def join_all(diagrams: Iterable[Diagram]) -> Diagram:
    """The union of many, in passes: each merges every cut once, ``_AT_ONCE`` diagrams at a time."""
    layer = list(diagrams)
    while len(layer) > 1:
        layer = [_join_several(layer[i : i + _AT_ONCE], {}) for i in range(0, len(layer), _AT_ONCE)]
    return layer[0] if layer else False


def _join_several(diagrams: Iterable[Diagram], memo: _Joined) -> Diagram:
    """The union of a few, each set of them worked out once."""
    several: dict[int, Node] = {}
    for diagram in diagrams:
        if diagram is True:
            return True
        if diagram is not False:
            several[id(diagram)] = diagram
    if len(several) < 2:
        return next(iter(several.values())) if several else False
    key = frozenset(several)
    found = memo.get(key)
    if found is None:
        nodes = list(several.values())
        found = memo[key] = (nodes, _merged(nodes, memo))
    return found[1]


def _merged(nodes: list[Node], memo: _Joined) -> Diagram:
    """The union of several nodes, by way of those among them that split the first axis alike."""
    variable = min(node.variable for node in nodes)
    alike: dict[tuple[Value, ...], list[Node]] = {}
    rest: list[Diagram] = []
    for node in nodes:
        if node.variable == variable:
            alike.setdefault(node.cuts, []).append(node)
        else:
            rest.append(node)
    if len(alike) + len(rest) == len(nodes):
        several = None if rest else _behind_each_other(variable, nodes)
        return _swept(variable, nodes, memo) if several is None else several
    for cuts, group in alike.items():
        columns = zip(*(node.children for node in group), strict=True)
        rest.append(decision(variable, cuts, [_join_several(c, memo) for c in columns]))
    return _join_several(rest, memo)


def _swept(variable: Variable, nodes: list[Node], memo: _Joined) -> Diagram:
    """The union of nodes by one sweep over the cuts of all that test the axis."""
    now: dict[int, Diagram] = {}  # what is not empty here, by the place of its node
    steps: list[tuple[Value, int, Diagram]] = []
    for place, node in enumerate(nodes):
        if node.variable != variable:
            now[place] = node
            continue
        if node.children[0] is not False:
            now[place] = node.children[0]
        steps += zip(node.cuts, repeat(place), node.children[1:], strict=False)
    steps.sort(key=itemgetter(0))
    cuts: list[Value] = []
    children = [_join_several(now.values(), memo)]
    last = len(steps) - 1
    for i, (cut, place, child) in enumerate(steps):
        if child is False:
            now.pop(place, None)
        else:
            now[place] = child
        if i == last or steps[i + 1][0] != cut:
            cuts.append(cut)
            if len(now) > 1:
                children.append(_join_several(now.values(), memo))
            else:
                children.append(next(iter(now.values()), False))
    return decision(variable, cuts, children)


def _behind_each_other(variable: Variable, nodes: list[Node]) -> Diagram | None:
    """The union of bounded nodes of one axis, of which none touches another, as single values mostly are."""
    ordered = sorted(nodes, key=_first_cut)
    cuts: list[Value] = []
    children: list[Diagram] = [False]
    for node in ordered:
        if (
            node.children[0] is not False
            or node.children[-1] is not False
            or (cuts and cuts[-1] >= node.cuts[0])  # type: ignore[operator]  # one axis, one type
        ):
            return None
        cuts += node.cuts
        children += node.children[1:]
    return _interned(variable, tuple(cuts), tuple(children))


def _first_cut(node: Node) -> Value:
    return node.cuts[0]


SortKey: TypeAlias = tuple[object, ...]


def sort_key(diagram: Diagram) -> SortKey:
    """Orders diagrams by their structure: the same in every process, whatever was built before."""
    if not isinstance(diagram, Node):
        return (int(diagram),)
    return (2, diagram.variable, diagram.cuts, tuple(map(sort_key, diagram.children)))
