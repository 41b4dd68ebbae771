"""Leaving out the checks that a situation does not concern changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import SETTINGS, TODAY, Json, bundle, cluster, in_kind, request, view
from support.odd_pods import json_values, odd_pods

from policyc.admission.case import Case, case_of
from policyc.admission.checks import CHECKS, checks_of
from policyc.admission.checks.scope import Situation
from policyc.admission.request import Request
from policyc.admission.view import WATCHED, WATCHED_IF_SERVED, labels_of
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

VIEW = view()
GATED = {("aigateway.envoyproxy.io", "MCPRoute"), ("agentic.prototype.x-k8s.io", "XAccessPolicy")}
KINDS = sorted(
    WATCHED
    | WATCHED_IF_SERVED
    | GATED
    | {("", "Secret"), ("", "Endpoints"), ("", "Binding"), ("x", "EphemeralContainers")}
)
RESOURCES = {
    "": "",
    "pods": "exec",
    "nodes": "proxy",
    "services": "proxy",
    "serviceaccounts": "token",
}
"""Resource (empty: that of the kind) -> a subresource of it that checks look at."""
FLAGS = ((False, False), (True, False), (True, True))


def case(asked: Request) -> Case:
    return case_of(asked, bundle(), VIEW, SETTINGS, TODAY)


def left_out(asked: Request) -> list[Json]:
    """What the checks find that are not asked."""
    at = case(asked)
    kind = (asked.group, asked.kind)
    chosen = checks_of(Situation(kind, asked.resource, at.pod is not None, at.bound is not None))
    assert [check for check in CHECKS if check in chosen] == list(chosen)
    return [finding for check in CHECKS if check not in chosen for finding in check(at)]


@given(odd_pods(), st.sampled_from(WORKLOAD_KINDS), st.sampled_from(("", "status")), st.booleans())
def test_of_pods(body: Json, row: WorkloadKind, subresource: str, is_ours: bool) -> None:
    if not is_ours:
        body["spec"]["serviceAccountName"] = "other"
        body["metadata"]["labels"] = {**labels_of(body), "policyc.dev/agent": "other"}
    assert left_out(request(in_kind(row, body), subresource=subresource)) == []


@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(("spec", "data", "rules", "subjects", "type")), json_values),
    st.sampled_from(("CREATE", "UPDATE", "DELETE", "CONNECT")),
    st.sampled_from(("research", "agents", "x")),
    st.sampled_from(sorted(RESOURCES)),
)
def test_of_other_kinds(
    kind: tuple[str, str], fields: Json, operation: str, name: str, resource: str
) -> None:
    group, word = kind
    metadata = {"name": name, "namespace": "agents"}
    version = f"{group}/v1" if group else "v1"
    body = {"apiVersion": version, "kind": word, "metadata": metadata, **fields}
    goes, old = operation == "DELETE", operation in ("UPDATE", "DELETE")
    asked = request(
        None if goes else body,
        operation,
        body if old else None,
        resource=resource,
        subresource=RESOURCES[resource],
    )
    assert left_out(asked) == []


@pytest.mark.parametrize("body", cluster(), ids=lambda b: f"{b['kind']}-{b['metadata']['name']}")
def test_of_the_objects_of_a_cluster(body: Json) -> None:
    assert left_out(request(body)) == left_out(request(None, "DELETE", body)) == []


def test_every_check_is_asked_somewhere() -> None:
    places = [(kind, "") for kind in KINDS]
    places += [
        (("", "x"), resource) for resource in ("pods", "nodes", "services", "serviceaccounts")
    ]
    situations = [Situation(*place, *flags) for place in places for flags in FLAGS]
    assert {check for s in situations for check in checks_of(s)} == set(CHECKS)
