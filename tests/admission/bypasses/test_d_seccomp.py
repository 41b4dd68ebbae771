"""Group D: which profile confines each container."""

from __future__ import annotations

import pytest
from support.admission import SETTINGS, TODAY, Json, bundle, judge, pod, reasons, request, view
from support.json_patch import apply

from policyc.admission.case import case_of
from policyc.admission.mutate import mutate
from policyc.admission.verdict import Verdict

GOOD = {"type": "Localhost", "localhostProfile": "policyc/research.json"}


def seccomp(of_pod: Json = None, of_container: Json = None, **annotations: str) -> Json:
    body = pod()
    body["spec"]["securityContext"]["seccompProfile"] = of_pod
    body["spec"]["containers"][0]["securityContext"]["seccompProfile"] = of_container
    body["metadata"]["annotations"] = annotations
    return body


def localhost(name: Json) -> Json:
    return {"type": "Localhost", "localhostProfile": name}


@pytest.mark.parametrize(
    ("of_pod", "of_container", "expected"),
    [
        pytest.param(GOOD, {"type": "Unconfined"}, {"SECCOMP_TYPE"}, id="D1"),
        pytest.param(None, {"type": "RuntimeDefault"}, {"SECCOMP_TYPE"}, id="D2"),
        pytest.param(GOOD, {"type": "RuntimeDefault"}, {"SECCOMP_TYPE"}, id="D2-container-wins"),
        pytest.param({"type": "RuntimeDefault"}, None, {"SECCOMP_TYPE"}, id="D2-of-the-pod"),
        pytest.param(GOOD, localhost("policyc/other.json"), {"SECCOMP_PROFILE"}, id="D3"),
        pytest.param(
            localhost("policyc/other.json"), None, {"SECCOMP_PROFILE"}, id="D3-of-the-pod"
        ),
        *[
            pytest.param(None, localhost(name), {"SECCOMP_PROFILE"}, id=f"D4-{name!r}")
            for name in (
                "policyc/../unconfined.json",
                "./policyc/research.json",
                "policyc//research.json",
                "/policyc/research.json",
                "policyc/research.json ",
                "POLICYC/research.json",
                "policyc/research.json\u200b",
            )
        ],
        pytest.param(None, localhost(""), {"SECCOMP_PROFILE"}, id="D5-empty"),
        pytest.param(None, localhost(None), {"SECCOMP_PROFILE"}, id="D5-null"),
        pytest.param(None, {"type": "Localhost"}, {"SECCOMP_PROFILE"}, id="D5-absent"),
        pytest.param(None, {}, {"SECCOMP_TYPE"}, id="D5-nothing-in-it"),
        pytest.param(
            None, {"localhostProfile": "policyc/research.json"}, {"SECCOMP_TYPE"}, id="D5-no-type"
        ),
        pytest.param(None, None, {"SECCOMP_MISSING"}, id="D8"),
        pytest.param({"type": "Unconfined"}, GOOD, {"SECCOMP_TYPE"}, id="D1-of-the-sandbox"),
        pytest.param(GOOD, None, set(), id="D1-good-pod"),
        pytest.param(None, GOOD, set(), id="D1-good-container"),
        pytest.param({"type": "RuntimeDefault"}, GOOD, set(), id="D1-good-with-default-sandbox"),
    ],
)
def test_the_profile(of_pod: Json, of_container: Json, expected: set[str]) -> None:
    assert reasons(judge(request(seccomp(of_pod, of_container)))) == expected


def annotated(key: str, value: str, *, field: Json) -> Verdict:
    return judge(request(seccomp(field, **{key: value})))


KEYS = [
    "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/agent",
]


@pytest.mark.parametrize("key", [pytest.param(key, id=f"D6-{key[:9]}") for key in KEYS])
def test_the_old_annotations_confine_nothing(key: str) -> None:
    good = annotated(key, "localhost/policyc/research.json", field=None)
    assert reasons(good) == {"SECCOMP_MISSING"}


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


ARMOUR = "container.apparmor.security.beta.kubernetes.io/agent"


@pytest.mark.parametrize(
    ("of_pod", "of_container", "annotation", "is_allowed"),
    [
        pytest.param(None, {"type": "Unconfined"}, None, False, id="D9"),
        pytest.param({"type": "Unconfined"}, None, None, False, id="D9-of-the-pod"),
        pytest.param(
            {"type": "RuntimeDefault"}, {"type": "Unconfined"}, None, False, id="D9-container-wins"
        ),
        pytest.param(None, localhost("mine"), None, False, id="D9-other-profile"),
        pytest.param(None, None, "unconfined", False, id="D9-annotation"),
        pytest.param(
            {"type": "RuntimeDefault"},
            None,
            "localhost/mine",
            False,
            id="D9-annotation-wins-over-the-pod",
        ),
        pytest.param(None, {"type": "RuntimeDefault"}, "unconfined", True, id="D9-field-wins"),
        pytest.param(None, None, "runtime/default", True, id="D9-annotation-default"),
        pytest.param({"type": "Unconfined"}, {"type": "RuntimeDefault"}, None, True, id="D9-good"),
        pytest.param(None, None, None, True, id="D9-absent-is-the-runtimes-own"),
    ],
)
def test_apparmor(
    of_pod: Json, of_container: Json, annotation: str | None, is_allowed: bool
) -> None:
    body = pod()
    body["spec"]["securityContext"]["appArmorProfile"] = of_pod
    body["spec"]["containers"][0]["securityContext"]["appArmorProfile"] = of_container
    if annotation is not None:
        body["metadata"]["annotations"] = {ARMOUR: annotation}
    assert reasons(judge(request(body))) == (set() if is_allowed else {"APPARMOR"})
