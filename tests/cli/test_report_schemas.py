"""The reports of `converge` and `reconcile` are what their schemas say, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.samples import ROOT

from policyc.cli.main import main

Json = Any  # reports are taken apart and broken
POLICIES = str(ROOT / "policies")
VERBS = {
    "convergence-report": ["converge", POLICIES],
    "reconciliation-report": [
        "reconcile",
        POLICIES,
        "--manifests",
        str(ROOT / "policies" / "cluster"),
        str(ROOT / "generated"),
    ],
}


@pytest.mark.parametrize("name", VERBS)
def test_a_report_fits_its_schema_and_nothing_less_or_more_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["schema", name])
    schema = Draft202012Validator(json.loads(capsys.readouterr().out))
    Draft202012Validator.check_schema(schema.schema)
    main([*VERBS[name], "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert not [*schema.iter_errors(report)]
    for part in [*_objects(report)]:
        for key in [*part]:
            value = part.pop(key)
            assert not schema.is_valid(report), f"without `{key}`"
            part[key] = value
        part["more"] = 1
        assert not schema.is_valid(report), f"with more than {sorted(part)}"
        del part["more"]


_OPEN = ("authority", "beyond", "diagnostics")
"""Objects by domain, and findings, which have a page of their own."""


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    """Every object that the schema closes, of a list the first."""
    match value:
        case dict():
            yield value
            for key, item in value.items():
                if key not in _OPEN:
                    yield from _objects(item)
        case [first, *_]:
            yield from _objects(first)
