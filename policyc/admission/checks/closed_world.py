"""No field of an agent's pod goes unread: what is unknown, malformed or out of place is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from policyc.admission.case import Case
from policyc.admission.fields import SCHEMAS, Inside, Irrelevant, Judged, Only, Refused
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.request import Object
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.core.canonical import Json

_TITLES = {
    "Container": "container",
    "EphemeralContainer": "ephemeral container",
    "Volume": "volume",
    "VolumeMount": "mount of",
}


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


def fields(case: Case) -> Iterator[Finding]:
    """Each field of the pod's spec, by its line in the table."""
    if case.bound is not None:
        pod, _ = case.bound
        found: list[Finding] = []
        _object(case, pod.spec, "PodSpec", _Place(None, pod.at("spec")), found)
        yield from found


class _Place(NamedTuple):
    """Where a value stands; it is put into words for findings only, since there are few."""

    parent: _Place | None
    key: str | int
    schema: str = ""
    item: Object | None = None  # of a list whose items have names

    def path(self) -> str:
        """The JSON path."""
        if self.parent is None:
            return str(self.key)
        above = self.parent.path()
        return f"{above}[{self.key}]" if isinstance(self.key, int) else f"{above}.{self.key}"

    def owner(self) -> str:
        """Messages name containers and volumes by name: an index may move, a name may not."""
        above = "the pod" if self.parent is None else self.parent.owner()
        title = _TITLES.get(self.schema)
        if title is None:
            return above
        named = f"{title} `{(self.item or {}).get('name')}`"
        return f"{named} in {above}" if self.schema == "VolumeMount" else named


def _object(case: Case, body: Object, schema: str, place: _Place, found: list[Finding]) -> None:
    """Plain calls and classes compared by identity: this sees every field of every pod."""
    lines = SCHEMAS[schema]
    for name, value in body.items():
        line = lines.get(name)
        if value is None or line.__class__ is Irrelevant:
            continue
        if isinstance(line, Judged):
            if value.__class__ is not line.type:
                found.append(_malformed(case, value, _Place(place, name)))
        elif isinstance(line, Inside):
            _inside(case, value, line, _Place(place, name), found)
        elif isinstance(line, Refused):
            if value:
                found.append(_refused(case, line, value, _Place(place, name)))
        elif isinstance(line, Only):
            if not isinstance(value, str) or value not in line.values:
                found.append(_refused(case, line, value, _Place(place, name)))
        else:
            found.append(_unknown(case, value, place, name))


def _inside(case: Case, value: Json, line: Inside, place: _Place, found: list[Finding]) -> None:
    if not line.is_list and isinstance(value, dict):
        _object(case, value, line.schema, place, found)
    elif line.is_list and isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, dict):
                _object(case, item, line.schema, _Place(place, i, line.schema, item), found)
            else:
                found.append(_malformed(case, item, _Place(place, i)))
    else:
        found.append(_malformed(case, value, place))


def _unknown(case: Case, value: Json, place: _Place, name: str) -> Finding:
    text = f"{place.owner()} has a field `{name}` that admission does not know: {shown(value)}"
    at = _Place(place, name).path()
    return case.finding("UNKNOWN_FIELD", text, at, level=case.settings.unknown_fields)


def _refused(case: Case, line: Refused | Only, value: Json, place: _Place) -> Finding:
    text = f"{place.owner()} sets `{place.key}` to {shown(value)}: {line.because}"
    return case.finding(line.reason, text, place.path())


def _malformed(case: Case, value: Json, place: _Place) -> Finding:
    text = f"{place.owner()} sets `{place.key}` to {shown(value)}, which is not of the type that the API has"
    return case.finding("MALFORMED", text, place.path())


CHECKS = (template, fields)
