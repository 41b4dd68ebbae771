"""Objects of a YAML or JSON text with the places of their fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from policyc.core.canonical import Json
from policyc.core.source import Source, Span
from policyc.kube.yaml import YamlError, compose_all

_TOKEN = re.compile(r"\['([^']*)'\]|\[(\d+)\]|\.?([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Placed:
    """An object and where it stands; ``node`` is what YAML made of it."""

    body: dict[str, Json]
    source: Source
    node: Node

    def span(self, path: str) -> Span:
        """The place of a JSON path (``spec.containers[0].image``), or of what of it there is."""
        node, start = self.node, self.node
        for match in _TOKEN.finditer(path):
            quoted, index, key = match.groups()
            found = _child(node, quoted if quoted is not None else key, index)
            if found is None:
                break
            start, node = found
        last = node if isinstance(node, ScalarNode) else start
        first, end = int(start.start_mark.index), int(last.end_mark.index)
        newline = self.source.text.find("\n", first, end)
        return self.source.span(first, newline if newline >= 0 else max(end, first + 1))


def placed(source: Source) -> Iterator[Placed]:
    """The objects of a text, lists taken apart, and empty documents passed over.

    Raises YamlError as ``load_all`` does, and for a value that is no object.
    """
    for value, node in compose_all(source.text):
        yield from _items(value, node, source)


def _items(value: Json, node: Node, source: Source) -> Iterator[Placed]:
    if value is None:
        return
    if not isinstance(value, dict):
        raise YamlError("a value stands where an object should", int(node.start_mark.index))
    items = value.get("items")
    found = _child(node, "items", None)
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list) and found:
        for item, child in zip(items, found[1].value, strict=True):
            yield from _items(item, child, source)
        return
    yield Placed(value, source, node)


def _child(node: Node, key: str | None, index: str | None) -> tuple[Node, Node] | None:
    """Where a member begins (its key), and its value."""
    if isinstance(node, MappingNode) and key is not None:
        for name, value in node.value:
            if name.value == key:
                return name, value
    if isinstance(node, SequenceNode) and index is not None and int(index) < len(node.value):
        return node.value[int(index)], node.value[int(index)]
    return None
