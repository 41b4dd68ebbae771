"""JSON patch (RFC 6902) as a reader of the standard would apply it: `add` and `replace`."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from support.admission import Json


def apply(document: Json, operations: Iterable[Json]) -> Json:
    """The patched copy; KeyError or IndexError where an operation has no target (section 4)."""
    whole = {"": copy.deepcopy(document)}
    for operation in operations:
        parts = ["", *operation["path"].split("/")[1:]]
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in parts)
        target: Json = whole
        for part in way:
            target = target[int(part)] if isinstance(target, list) else target[part]
        _set(target, last, operation["op"], copy.deepcopy(operation["value"]))
    return whole[""]


def _set(target: Json, last: str, op: str, value: Json) -> None:
    assert op in ("add", "replace")
    if isinstance(target, dict):
        assert op == "add" or last in target
        target[last] = value
    elif op == "add":
        index = len(target) if last == "-" else int(last)
        assert index <= len(target)
        target.insert(index, value)
    else:
        target[int(last)] = value
