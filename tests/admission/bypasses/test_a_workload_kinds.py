"""Group A: wherever a kind keeps its pod, the pod is found."""

from __future__ import annotations

import copy
import json

import pytest
from support.admission import Json, in_kind, judge, kind, pod, reasons, request
from support.cases.row import Row, each
from support.cases.workloads import FAULTY, GOOD, NUMBERS, faulty

from policyc.admission.review import read_review
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind


@each(GOOD)
def test_the_good_one_is_admitted(asked: Row) -> None:
    verdict = judge(request(asked.made))
    assert (verdict.allowed, verdict.findings) == (True, ())


@each(FAULTY)
def test_a_fault_in_the_template_is_found(asked: Row) -> None:
    verdict = judge(request(asked.made))
    assert reasons(verdict) == asked.denied
    (finding,) = verdict.denials
    template = kind(asked.made["kind"]).template
    assert finding.path == ".".join((*template, "spec.serviceAccountName"))


def test_every_kind_but_the_pod_itself_has_a_case() -> None:
    assert set(NUMBERS) | {"Pod"} == {row.kind for row in WORKLOAD_KINDS}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(None, id="A10-null"),
        pytest.param("absent", id="A10-absent"),
    ],
)
def test_no_template_is_no_pod(broken: Json) -> None:
    body = in_kind(kind("ReplicationController"), pod())
    body["spec"]["template"] = broken
    if broken == "absent":
        del body["spec"]["template"]
    assert judge(request(body)).allowed


@pytest.mark.parametrize("broken", [[], "x", 1, True], ids=lambda v: f"A10-{v!r}")
@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=lambda row: row.kind)
def test_a_template_that_is_no_object_is_refused(row: WorkloadKind, broken: Json) -> None:
    for i in range(len(row.template) + 1):
        way = (*row.template, "spec")[: i + 1]
        body = in_kind(row, pod())
        inner = body
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = broken
        assert "MALFORMED" in reasons(judge(request(body)))


@pytest.mark.parametrize("user", [pytest.param("system:serviceaccount:x:operator", id="A14")])
def test_the_pod_is_the_last_gate_of_kinds_that_nobody_knows(user: str) -> None:
    template = {"metadata": faulty()["metadata"], "spec": faulty()["spec"]}
    unknown = {
        "apiVersion": "example.com/v1",
        "kind": "Rollout",
        "metadata": {"name": "research", "namespace": "agents"},
        "spec": {"template": template},
    }
    assert judge(request(unknown, user=user)).allowed
    made = faulty()
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": "example.com/v1", "kind": "Rollout", "name": "research", "controller": True}
    ]
    assert reasons(judge(request(made, user=user))) == {"SA_NOT_ALLOWED"}


@pytest.mark.parametrize(
    "user",
    [
        pytest.param("system:serviceaccount:kube-system:replicaset-controller", id="A15"),
        pytest.param("system:kube-controller-manager", id="A15-component"),
        pytest.param("system:admin", id="A15-admin"),
    ],
)
def test_no_user_of_the_system_is_exempt(user: str) -> None:
    asked = request(faulty(), user=user, groups=("system:masters", "system:authenticated"))
    assert reasons(judge(asked)) == {"SA_NOT_ALLOWED"}


@pytest.mark.parametrize(
    "version", [pytest.param("v1beta1", id="A16"), pytest.param("v1", id="A16-same")]
)
def test_a_converted_request_is_judged_by_what_it_was_converted_to(version: str) -> None:
    body = in_kind(kind("Deployment"), faulty())
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "requestKind": {"group": "extensions", "version": version, "kind": "Deployment"},
            "requestResource": {
                "group": "extensions",
                "version": version,
                "resource": "deployments",
            },
            "namespace": "agents",
            "name": "research",
            "userInfo": {"username": "someone"},
            "object": body,
        },
    }
    asked = read_review(json.loads(json.dumps(review)))
    assert judge(asked).denials == judge(request(copy.deepcopy(body))).denials != ()
