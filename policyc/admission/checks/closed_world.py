"""No field of an agent's pod goes unread: what is unknown, malformed or out of place is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_kinds, of_words
from policyc.admission.fields import SCHEMAS, Inside, Irrelevant, Judged, Only, Refused
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.request import Object
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS

_UNKNOWN = object()
_WORKLOADS = frozenset((row.group, row.kind) for row in WORKLOAD_KINDS)
_TITLES = {
    "Container": "container",
    "EphemeralContainer": "ephemeral container",
    "Volume": "volume",
    "VolumeMount": "mount of",
}


@of_kinds(_WORKLOADS)
def template(case: Case) -> Iterator[Finding]:
    """The way to the pod's spec is one of objects: what is something else holds nothing readable."""
    row = kind_that_starts_pods(case.request.group, case.request.kind)
    value: Json = case.request.object
    if row is None or value is None:
        return
    for i, key in enumerate((*row.template, "spec")):
        assert isinstance(value, dict)
        value = value.get(key)
        if value is None:
            return
        if not isinstance(value, dict):
            path = ".".join((*row.template, "spec")[: i + 1])
            yield case.finding("MALFORMED", f"`{key}` is no object: {shown(value)}", path)
            return


@of_words
def fields(case: Case) -> Iterator[Finding]:
    """Each field of the pod's spec, by its line in the table."""
    bound = case.bound
    if bound is not None:
        pod, _ = bound
        found: list[Finding] = []
        _object(case, pod.spec, "PodSpec", (None, pod.at("spec"), "", None), found)
        yield from found


_Place: TypeAlias = "tuple[_Place | None, str | int, str, Object | None]"
"""Where a value stands: the place around it, its key, and for items of lists the schema and item.

It is put into words for findings only, since there are few.
"""

_LINES = {
    schema: {name: None if isinstance(line, Irrelevant) else line for name, line in lines.items()}
    for schema, lines in SCHEMAS.items()
}
"""The table with None for what is passed over."""


def _path(place: _Place) -> str:
    """The JSON path."""
    parent, key, _, _ = place
    if parent is None:
        return str(key)
    return f"{_path(parent)}[{key}]" if isinstance(key, int) else f"{_path(parent)}.{key}"


def _owner(place: _Place) -> str:
    """Messages name containers and volumes by name: an index may move, a name may not."""
    parent, _, schema, item = place
    above = "the pod" if parent is None else _owner(parent)
    title = _TITLES.get(schema)
    if title is None:
        return above
    named = f"{title} `{(item or {}).get('name')}`"
    return f"{named} in {above}" if schema == "VolumeMount" else named


def _object(case: Case, body: Object, schema: str, place: _Place, found: list[Finding]) -> None:
    """Plain calls and tuples: this sees every field of every pod."""
    lines = _LINES[schema]
    for name, value in body.items():
        line = lines.get(name, _UNKNOWN)
        if line is None or value is None:
            continue
        if isinstance(line, Judged):
            if value.__class__ is not line.type:
                found.append(_malformed(case, value, (place, name, "", None)))
        elif isinstance(line, Inside):
            _inside(case, value, line, (place, name, "", None), found)
        elif isinstance(line, Refused):
            if value:
                found.append(_refused(case, line, value, (place, name, "", None)))
        elif isinstance(line, Only):
            if not isinstance(value, str) or value not in line.values:
                found.append(_refused(case, line, value, (place, name, "", None)))
        else:
            found.append(_unknown(case, value, place, name))


def _inside(case: Case, value: Json, line: Inside, place: _Place, found: list[Finding]) -> None:
    schema = line.schema
    if not line.is_list and isinstance(value, dict):
        _object(case, value, schema, place, found)
    elif line.is_list and isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, dict):
                _object(case, item, schema, (place, i, schema, item), found)
            else:
                found.append(_malformed(case, item, (place, i, "", None)))
    else:
        found.append(_malformed(case, value, place))


def _unknown(case: Case, value: Json, place: _Place, name: str) -> Finding:
    text = f"{_owner(place)} has a field `{name}` that admission does not know: {shown(value)}"
    at = _path((place, name, "", None))
    return case.finding("UNKNOWN_FIELD", text, at, level=case.settings.unknown_fields)


def _refused(case: Case, line: Refused | Only, value: Json, place: _Place) -> Finding:
    text = f"{_owner(place)} sets `{place[1]}` to {shown(value)}: {line.because}"
    return case.finding(line.reason, text, _path(place))


def _malformed(case: Case, value: Json, place: _Place) -> Finding:
    text = f"{_owner(place)} sets `{place[1]}` to {shown(value)}, which is not of the type that the API has"
    return case.finding("MALFORMED", text, _path(place))


CHECKS = (template, fields)
