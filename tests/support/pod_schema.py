"""What the API server's own OpenAPI says about pods: fields with their types, kinds that hold them.

The extract in tests/cases/admission/pod-schema.json is that of the Kubernetes version that the
control plane is built from; tests/e2e/test_pod_schema.py compares it with a running server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from support.samples import ROOT

FILE = ROOT / "tests" / "cases" / "admission" / "pod-schema.json"
_CORE = "io.k8s.api.core.v1."

Json = Any  # OpenAPI documents, looked at by path


def committed() -> Json:
    return json.loads(FILE.read_text(encoding="utf-8"))


def extract(version: str, documents: Iterable[Json]) -> Json:
    """``schemas``: name -> field -> type, of all that a PodSpec holds; ``kinds``: those that hold one.

    Types: ``string``, ``[string]``, ``Container``, ``[Container]``, ``map``.
    """
    schemas: dict[str, Json] = {}
    for document in documents:
        schemas |= document["components"]["schemas"]
    inside = _closure(schemas, _CORE + "PodSpec")
    return {
        "source": f"OpenAPI v3 of kube-apiserver {version}",
        "schemas": {
            name.removeprefix(_CORE): {
                field: _type(body) for field, body in sorted(schemas[name]["properties"].items())
            }
            for name in sorted(inside)
            if name.startswith(_CORE)
        },
        "kinds": sorted(_kinds(schemas)),
    }


def _closure(schemas: Json, root: str) -> set[str]:
    found: set[str] = set()
    todo = [root]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _references(schemas[name])
    return found


def _references(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "$ref" and isinstance(child, str):
                yield child.rpartition("/")[2]
            else:
                yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _type(body: Json) -> str:
    match body:
        case {"type": "array", "items": items}:
            return f"[{_type(items)}]"
        case {"type": "object"}:
            return "map"
        case {"type": str(simple)}:
            return simple
    (reference,) = _references(body)
    return reference.removeprefix(_CORE)


def _kinds(schemas: Json) -> Iterator[str]:
    """``group/version Kind``, without the lists, which are no objects of the API."""
    for name, body in schemas.items():
        properties = body.get("properties", {})
        for row in body.get("x-kubernetes-group-version-kind", ()):
            is_object = "metadata" in properties and "items" not in properties
            if is_object and _CORE + "PodSpec" in _closure(schemas, name):
                yield f"{row['group']}/{row['version']} {row['kind']}"
