"""Who a pod would be."""

from __future__ import annotations

import pytest
from support.admission import in_kind, judge, kind, pod, reasons, request

from policyc.kube.workloads import WORKLOAD_KINDS


@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=lambda row: row.kind)
def test_a_compliant_agent_is_admitted_in_every_kind(row: object) -> None:
    for agent in ("research", "summary"):
        verdict = judge(request(in_kind(row, pod(agent))))  # type: ignore[arg-type]  # a row of the table
        assert verdict.allowed, verdict.denials
        assert verdict.agent == agent


@pytest.mark.parametrize("name", ["Deployment"])
def test_a_registered_workload_may_not_run_as_another(name: str) -> None:
    body = in_kind(kind(name), pod())
    body["spec"]["template"]["spec"]["serviceAccountName"] = "admin"
    verdict = judge(request(body))
    assert reasons(verdict) >= {"SA_NOT_ALLOWED"}
    (finding,) = [f for f in verdict.denials if f.reason == "SA_NOT_ALLOWED"]
    assert finding.path == "spec.template.spec.serviceAccountName"
    assert finding.change == "write `serviceAccountName: research`"


def test_two_fields_that_disagree() -> None:
    body = pod()
    body["spec"]["serviceAccount"] = "admin"
    assert reasons(judge(request(body))) == {"AMBIGUOUS_SA"}


def test_a_claim_may_only_be_true() -> None:
    body = pod()
    body["metadata"]["annotations"] = {"policyc.dev/agent": "summary"}
    assert reasons(judge(request(body))) == {"CLASS_MISMATCH"}
    body["metadata"]["annotations"] = {"policyc.dev/agent": "research"}
    assert judge(request(body)).allowed


def test_the_request_is_authoritative_on_the_namespace() -> None:
    asked = request(pod())
    assert asked.object
    asked.object["metadata"]["namespace"] = "default"  # type: ignore[index,call-overload]  # a pod of ours
    assert "NS_MISMATCH" in reasons(judge(asked))


def test_what_was_wrong_before_is_a_warning() -> None:
    old = in_kind(kind("Deployment"), pod())
    old["spec"]["template"]["spec"]["serviceAccountName"] = "admin"
    new = {**old, "metadata": {**old["metadata"], "annotations": {"a": "b"}}}
    verdict = judge(request(new, "UPDATE", old))
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"SA_NOT_ALLOWED"}
    worse = in_kind(kind("Deployment"), pod())
    worse["spec"]["template"]["spec"]["serviceAccountName"] = "root"
    assert not judge(request(worse, "UPDATE", old)).allowed


def test_an_audited_agent_is_warned_about() -> None:
    body = in_kind(kind("CronJob"), pod("digest"))
    body["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"] = "admin"
    verdict = judge(request(body))
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"SA_NOT_ALLOWED"}
