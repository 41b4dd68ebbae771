"""Every field that the API server's pod has is checked, or listed with the reason why not."""

from __future__ import annotations

import importlib

import pytest
from support.pod_schema import committed

from policyc.admission.checks import CHECKS
from policyc.admission.fields import SCHEMAS, Inside, Irrelevant, Judged, Only, Refused
from policyc.admission.reasons import REASONS
from policyc.kube.workloads import WORKLOAD_KINDS

SERVER = committed()["schemas"]
LINES = [(schema, name) for schema, lines in SCHEMAS.items() for name in lines]

IDS = [f"{schema}.{name}" for schema, name in LINES]


def reached() -> set[str]:
    """The schemas that the table leads to from the pod's spec."""
    found = {"PodSpec"}
    todo = ["PodSpec"]
    while todo:
        for line in SCHEMAS[todo.pop()].values():
            if isinstance(line, Inside) and line.schema not in found:
                found.add(line.schema)
                todo.append(line.schema)
    return found


def test_the_table_has_the_schemas_that_it_leads_to_and_no_others() -> None:
    assert reached() == set(SCHEMAS)


@pytest.mark.parametrize("schema", sorted(SCHEMAS))
def test_every_field_of_the_server_has_a_line(schema: str) -> None:
    assert set(SCHEMAS[schema]) == set(SERVER[schema])


@pytest.mark.parametrize(("schema", "name"), LINES, ids=IDS)
def test_the_line_fits_the_servers_type(schema: str, name: str) -> None:
    line, served = SCHEMAS[schema][name], SERVER[schema][name]
    match line:
        case Inside(inner, is_list):
            assert served == (f"[{inner}]" if is_list else inner)
        case Judged(_, type_) if type_ is list:
            assert served.startswith("[")
        case Judged(_, type_) if type_ is dict:
            assert served == "map" or served in SERVER
        case Judged(_, type_):
            assert served == {str: "string", bool: "boolean", int: "integer"}[type_]
        case Only():
            assert served == "string"
        case Irrelevant(because):
            assert because
        case Refused(_, because):
            assert because


@pytest.mark.parametrize(("schema", "name"), LINES, ids=IDS)
def test_the_line_names_what_is_there(schema: str, name: str) -> None:
    line = SCHEMAS[schema][name]
    if isinstance(line, Judged):
        module, _, function = line.by.partition(".")
        check = getattr(importlib.import_module(f"policyc.admission.checks.{module}"), function)
        assert check in CHECKS
    elif isinstance(line, Refused | Only):
        assert line.reason in REASONS


NO_TEMPLATES: dict[str, str] = {}
"""Kinds that hold a PodSpec and start no pods, with the reason."""


def test_every_kind_that_holds_a_pod_is_in_the_table() -> None:
    known = {f"{row.group}/{row.version} {row.kind}" for row in WORKLOAD_KINDS}
    assert set(committed()["kinds"]) == {k for k in known if "x-k8s.io" not in k} | set(
        NO_TEMPLATES
    )
