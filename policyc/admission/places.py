"""Places in an object that stay the same when other items of a list come or go."""

from __future__ import annotations

import re

from policyc.core.canonical import Json

_STEP = re.compile(r"\['[^']*'\]|\[\d+\]|[^.\[]+")


def named(path: str, body: Json) -> str:
    """A JSON path (``spec.containers[0].env[2].value``) with items' names for their numbers.

    Kubernetes' lists of containers, variables and volumes are merged by name: a variable that
    is put before another one moves it and does not change it.  An item without a name, or
    with that of another one, keeps its number.
    """
    found = []
    value = body
    for step in _STEP.findall(path):
        if isinstance(value, list) and step[1:-1].isdecimal():
            found.append(_item(value, int(step[1:-1])))
            value = value[int(step[1:-1])] if int(step[1:-1]) < len(value) else None
        else:
            found.append(step)
            key = step[2:-2] if step.startswith("['") else step
            value = value.get(key) if isinstance(value, dict) else None
    return ".".join(found)


def _item(items: list[Json], at: int) -> str:
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    name = names[at] if at < len(names) else None
    return f"[{name!r}]" if isinstance(name, str) and names.count(name) == 1 else f"[{at}]"
