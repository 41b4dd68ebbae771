"""Label selectors to extents of labels' values, and the pods that they select."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from policyc.core.canonical import Json
from policyc.envelope.axes import ALL, Extent, LabelAxis, union

AXIS = LabelAxis("label")
ABSENT = AXIS.extent("")
PRESENT = AXIS.extent("=*")


def selected(selector: Json) -> Mapping[str, Extent]:
    """Key -> the values that a LabelSelector admits (absence included).

    ValueError when it is no selector.
    """
    if not isinstance(selector, dict):
        raise ValueError("a label selector is an object")
    result: dict[str, Extent] = {}
    labels = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    if not isinstance(labels, dict) or not isinstance(expressions, list):
        raise ValueError("not a label selector")
    for key, text in labels.items():
        result[key] = result.get(key, ALL) & AXIS.only(f"={text}")
    for expression in expressions:
        key, extent = _requirement(expression)
        result[key] = result.get(key, ALL) & extent
    return result


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects an object with these labels; an empty one selects all."""
    return admits(selected(selector), labels)


def admits(selected: Mapping[str, Extent], labels: Mapping[str, str]) -> bool:
    """The same for a selector that has been read by ``selected``."""
    return all(
        _holds(extent, f"={labels[key]}" if key in labels else "")
        for key, extent in selected.items()
    )


def _holds(extent: Extent, value: str) -> bool:
    return (bisect_right(extent.cuts, value) % 2 == 0) == extent.starts_inside


def _requirement(expression: Json) -> tuple[str, Extent]:
    match expression:
        case {"key": str(key), "operator": "In", "values": list(values)}:
            return key, _values(values)
        case {"key": str(key), "operator": "NotIn", "values": list(values)}:
            return key, ALL - _values(values)
        case {"key": str(key), "operator": "Exists"}:
            return key, PRESENT
        case {"key": str(key), "operator": "DoesNotExist"}:
            return key, ABSENT
    raise ValueError(f"not a requirement: {expression!r}")


def _values(values: list[Json]) -> Extent:
    return union(AXIS.only(f"={value}") for value in values)
