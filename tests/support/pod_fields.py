"""Ways to the fields of a pod's spec, by the table that admission reads them with."""

from __future__ import annotations

from policyc.admission.fields import SCHEMAS, Inside
from support.admission import Json

Step = tuple[str, bool]
"""A field, and whether its value is a list."""


def ways() -> dict[str, list[Step]]:
    """Schema -> the fields that lead to it from the pod's spec."""
    found: dict[str, list[Step]] = {"PodSpec": []}
    todo = ["PodSpec"]
    while todo:
        schema = todo.pop(0)
        for name, line in SCHEMAS[schema].items():
            if isinstance(line, Inside) and line.schema not in found:
                found[line.schema] = [*found[schema], (name, line.is_list)]
                todo.append(line.schema)
    return found


WAYS = ways()


def put(spec: Json, schema: str, name: str, value: Json) -> None:
    """Set a field of the first object of that schema, made where there is none."""
    for step, is_list in WAYS[schema]:
        inner = spec.get(step) or ([{"name": "added"}] if is_list else {})
        spec[step] = inner
        spec = inner[0] if is_list else inner
    spec[name] = value


def any_value(served: str) -> Json:
    """A value of the server's type that is neither zero nor empty."""
    if served.startswith("["):
        return [any_value(served[1:-1])]
    return {"string": "odd", "boolean": True, "integer": 7}.get(served, {"some": "thing"})
