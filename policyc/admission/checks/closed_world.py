"""No field of an agent's pod goes unread: what is unknown, malformed or out of place is refused."""

from __future__ import annotations

from collections.abc import Iterator

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
        yield from _object(case, pod.spec, "PodSpec", pod.at("spec"), "the pod")


def _object(case: Case, body: Object, schema: str, path: str, owner: str) -> Iterator[Finding]:
    lines = SCHEMAS[schema]
    for name, value in body.items():
        if value is None:
            continue
        line = lines.get(name)
        if line.__class__ is Irrelevant:
            continue
        at = f"{path}.{name}"
        match line:
            case Inside(inner, is_list):
                yield from _inside(case, value, inner, at, owner, is_list=is_list)
            case Refused(reason, because):
                if value:
                    text = f"{owner} sets `{name}` to {shown(value)}: {because}"
                    yield case.finding(reason, text, at)
            case Only(values, reason, because):
                if not isinstance(value, str) or value not in values:
                    text = f"{owner} sets `{name}` to {shown(value)}: {because}"
                    yield case.finding(reason, text, at)
            case Judged(_, type_):
                if value.__class__ is not type_:
                    yield _malformed(case, owner, name, value, at)
            case None:
                text = f"{owner} has a field `{name}` that admission does not know: {shown(value)}"
                yield case.finding("UNKNOWN_FIELD", text, at, level=case.settings.unknown_fields)


def _inside(
    case: Case, value: Json, schema: str, at: str, owner: str, *, is_list: bool
) -> Iterator[Finding]:
    name = at.rpartition(".")[2]
    if not is_list:
        if isinstance(value, dict):
            yield from _object(case, value, schema, at, owner)
        else:
            yield _malformed(case, owner, name, value, at)
        return
    if not isinstance(value, list):
        yield _malformed(case, owner, name, value, at)
        return
    for i, item in enumerate(value):
        place = f"{at}[{i}]"
        if isinstance(item, dict):
            yield from _object(case, item, schema, place, _owner(owner, schema, item))
        else:
            yield _malformed(case, owner, f"{name}[{i}]", item, place)


def _owner(owner: str, schema: str, item: Object) -> str:
    """Findings name containers and volumes by name: an index may move, a name may not."""
    title = _TITLES.get(schema)
    if title is None:
        return owner
    named = f"{title} `{item.get('name')}`"
    return f"{named} in {owner}" if schema == "VolumeMount" else named


def _malformed(case: Case, owner: str, name: str, value: Json, at: str) -> Finding:
    text = f"{owner} sets `{name}` to {shown(value)}, which is not of the type that the API has"
    return case.finding("MALFORMED", text, at)


CHECKS = (template, fields)
