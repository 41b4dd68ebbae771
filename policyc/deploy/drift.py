"""How a live webhook configuration differs from the one it should be, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping

from policyc.core.canonical import Json
from policyc.deploy.configurations import NAMESPACE_LABEL, SERIAL

_SERIAL = re.compile(r"[1-9][0-9]{0,15}")

_DEFAULTS: Mapping[str, Json] = {
    "matchConditions": [],
    "namespaceSelector": {},
    "objectSelector": {},
    "reinvocationPolicy": "Never",
}
"""What the API server reads where nothing is written (admissionregistration.k8s.io/v1, 1.36)."""


def drift(live: dict[str, Json], wanted: dict[str, Json]) -> tuple[str, ...]:
    """The fields that differ, as ``ENTRY.field``; an entry too few or too many by its name."""
    have, want = _entries(live), _entries(wanted)
    found = [name for name in {*have, *want} if name not in have or name not in want]
    for name in have.keys() & want.keys():
        fields = have[name].keys() | want[name].keys()
        found += [f"{name}.{field}" for field in fields if not _same(have[name], want[name], field)]
    if not found and [*have] != [*want]:
        found.append("order")
    return tuple(sorted(found))


def restored(live: dict[str, Json], wanted: dict[str, Json], serial: int = 0) -> dict[str, Json]:
    """What to write over the live object: the wanted one, at the version that was read.

    ``serial`` is that of the bundle that it was made from; 0: of none that was signed.
    """
    metadata = live.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    own = wanted["metadata"]
    assert isinstance(own, dict)
    annotations = own.get("annotations")
    if serial:
        noted = annotations if isinstance(annotations, dict) else {}
        own = {**own, "annotations": {**noted, SERIAL: str(serial)}}
    return {**wanted, "metadata": {**own, "resourceVersion": version}}


def serial(live: dict[str, Json]) -> int:
    """The serial that a configuration names; 0 when it names none."""
    match live.get("metadata"):
        case {"annotations": {**annotations}}:
            text = annotations.get(SERIAL)
            return int(text) if isinstance(text, str) and _SERIAL.fullmatch(text) else 0
    return 0


def namespaces(live: dict[str, Json]) -> frozenset[str]:
    """The namespaces that entries of a configuration choose by name."""
    found: set[str] = set()
    for entry in _entries(live).values():
        match entry.get("namespaceSelector"):
            case {"matchExpressions": [{"operator": "In", "key": key, "values": [*values]}]}:
                if key == NAMESPACE_LABEL:
                    found.update(value for value in values if isinstance(value, str))
    return frozenset(found)


def authority(live: dict[str, Json]) -> str:
    """The first caBundle of a configuration; empty when it has none."""
    for entry in _entries(live).values():
        client = entry.get("clientConfig")
        if isinstance(client, dict) and isinstance(client.get("caBundle"), str):
            return str(client["caBundle"])
    return ""


def _entries(configuration: dict[str, Json]) -> dict[str, dict[str, Json]]:
    found = configuration.get("webhooks")
    listed = found if isinstance(found, list) else []
    return {str(e.get("name")): e for e in listed if isinstance(e, dict)}


def _same(have: dict[str, Json], want: dict[str, Json], field: str) -> bool:
    default = _DEFAULTS.get(field)
    return have.get(field, default) == want.get(field, default)
