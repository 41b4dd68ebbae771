"""Whatever field of an agent's pod is set to what it must not be, the pod is refused for it."""

from __future__ import annotations

import copy

import pytest
from support.admission import IMAGE, Json, in_kind, judge, kind, pod, reasons, request
from support.pod_fields import BAD, any_value, put
from support.pod_schema import committed

from policyc.admission.fields import SCHEMAS, Field, Inside, Judged, Only, Refused


def deployment(agent: str, schema: str, name: str, value: Json) -> Json:
    body = pod(agent)
    put(body["spec"], schema, name, value)
    return in_kind(kind("Deployment"), body)


LINES = [(schema, name, line) for schema, lines in SCHEMAS.items() for name, line in lines.items()]
PLACED = [found for found in LINES if isinstance(found[2], Refused | Only)]
JUDGED = {f"{schema}.{name}" for schema, name, line in LINES if isinstance(line, Judged)}


def ids(found: list[tuple[str, str, Field]]) -> list[str]:
    return [f"{schema}.{name}" for schema, name, _ in found]


@pytest.mark.parametrize(("schema", "name", "line"), PLACED, ids=ids(PLACED))
def test_what_must_not_be_there(schema: str, name: str, line: Refused | Only) -> None:
    value = any_value(committed()["schemas"][schema][name])
    assert line.reason in reasons(judge(request(deployment("research", schema, name, value))))


@pytest.mark.parametrize(
    ("schema", "name", "line"),
    [found for found in LINES if isinstance(found[2], Inside | Judged | Only)],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_of_another_type(schema: str, name: str, line: Field) -> None:
    """No coercion: a number is never read as what it might mean."""
    found = reasons(judge(request(deployment("research", schema, name, 1.5))))
    assert (line.reason if isinstance(line, Only) else "MALFORMED") in found


def test_every_judged_field_has_a_bad_value() -> None:
    assert set(BAD) == JUDGED


@pytest.mark.parametrize("field", sorted(BAD))
def test_a_bad_value_of_a_judged_field(field: str) -> None:
    agent, value, reason = BAD[field]
    schema, _, name = field.partition(".")
    body = pod(agent)
    if name == "localhostProfile":
        put(body["spec"], schema, "type", "Localhost")
    if name == "name":
        body["spec"]["initContainers"] = copy.deepcopy(body["spec"]["containers"])
    put(body["spec"], schema, name, copy.deepcopy(value))
    verdict = judge(request(in_kind(kind("Deployment"), body)))
    assert reason in {finding.reason for finding in verdict.findings}


def test_the_image_of_the_tests_is_a_good_one() -> None:
    body = pod()
    body["spec"]["volumes"] = [{"name": "x", "image": {"reference": IMAGE}}]
    assert judge(request(body)).allowed
