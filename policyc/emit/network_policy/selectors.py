"""Extents of one label's values to the requirements of a label selector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policyc.core.canonical import Json
from policyc.denote.selectors import ABSENT, PRESENT
from policyc.envelope.axes import Extent


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of ``matchExpressions``; In with one value is written as a matchLabel."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


def requirements(key: str, extent: Extent) -> list[tuple[Requirement, ...]] | None:
    """Alternatives, each a conjunction, that together are the extent; None when none can say it.

    Selectors know finite and cofinite sets of values, presence and absence; a prefix of
    values they do not know.
    """
    absent = bool(extent & ABSENT)
    present = extent & PRESENT
    listed = _finite(present)
    if listed is not None:
        alternatives: list[tuple[Requirement, ...]] = []
        if listed:
            alternatives.append((Requirement(key, "In", listed),))
        if absent:
            alternatives.append((Requirement(key, "DoesNotExist"),))
        return alternatives
    left_out = _finite(PRESENT - present)
    if left_out is None:
        return None
    but = (Requirement(key, "NotIn", left_out),) if left_out else ()
    return [but] if absent else [(Requirement(key, "Exists"), *but)]


def _finite(extent: Extent) -> tuple[str, ...] | None:
    """The values of a finite extent; None when it is not finite."""
    values: list[str] = []
    for first, end in extent.segments():
        if first is None or end != f"{first}\0":
            return None
        values.append(str(first)[1:])
    return tuple(values)


def selector(parts: Iterable[Requirement]) -> dict[str, Json]:
    """The LabelSelector of a conjunction."""
    labels: dict[str, Json] = {}
    expressions: list[Json] = []
    for part in sorted(parts, key=lambda p: (p.key, p.operator)):
        if part.operator == "In" and len(part.values) == 1 and part.key not in labels:
            labels[part.key] = part.values[0]
        else:
            expression: dict[str, Json] = {"key": part.key, "operator": part.operator}
            if part.values:
                expression["values"] = list(part.values)
            expressions.append(expression)
    result: dict[str, Json] = {}
    if labels:
        result["matchLabels"] = labels
    if expressions:
        result["matchExpressions"] = expressions
    return result
