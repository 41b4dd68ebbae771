"""Group D: which profile confines each container."""

from __future__ import annotations

import pytest
from support.admission import SETTINGS, TODAY, Json, bundle, judge, reasons, request, view
from support.cases.profiles import GOOD, GROUP_D, KEYS, seccomp
from support.cases.row import Row, each
from support.json_patch import apply

from policyc.admission.case import case_of
from policyc.admission.mutate import mutate
from policyc.admission.verdict import Verdict


@each(GROUP_D)
def test_the_profile(asked: Row) -> None:
    assert reasons(judge(request(asked.made))) == asked.denied


def annotated(key: str, value: str, *, field: Json) -> Verdict:
    return judge(request(seccomp(field, **{key: value})))


@pytest.mark.parametrize("key", [pytest.param(key, id=f"D7-{key[:9]}") for key in KEYS])
def test_the_field_decides_and_the_annotation_is_named(key: str) -> None:
    verdict = annotated(key, "unconfined", field=GOOD)
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"SECCOMP_ANNOTATION"}
    assert annotated(key, "localhost/policyc/research.json", field=GOOD).findings == ()


@pytest.mark.parametrize("of_container", [pytest.param(None, id="D8-mutated")])
def test_a_profile_that_is_absent_is_added(of_container: Json) -> None:
    asked = request(seccomp(None, of_container))
    patch = mutate(case_of(asked, bundle(), view(), SETTINGS, TODAY))
    assert judge(request(apply(asked.object, patch))).allowed
