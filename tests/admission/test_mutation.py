"""What mutation adds: only what narrows, once, and enough for what it can set."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.admission import (
    SETTINGS,
    TODAY,
    Json,
    bundle,
    in_kind,
    judge,
    kind,
    pod,
    request,
    view,
)
from support.json_patch import apply
from support.odd_pods import odd_pods

from policyc.admission.case import Case, case_of
from policyc.admission.mutate import mutate
from policyc.admission.request import Request
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

VIEW = view()
kinds = st.sampled_from(WORKLOAD_KINDS)


def operations(case: Case) -> list[Json]:
    return list(mutate(case))


def patch(asked: Request) -> list[Json]:
    return operations(case_of(asked, bundle(), VIEW, SETTINGS, TODAY))


def mutated(body: Json) -> Json:
    return apply(body, patch(request(body)))


@given(odd_pods(), kinds)
def test_a_second_run_adds_nothing(body: Json, row: WorkloadKind) -> None:
    once = mutated(in_kind(row, body))
    assert patch(request(once)) == []


@given(odd_pods(), kinds)
def test_it_brings_no_new_finding(body: Json, row: WorkloadKind) -> None:
    before = in_kind(row, body)
    first = {(f.reason, f.message) for f in judge(request(before), VIEW).findings}
    second = {(f.reason, f.message) for f in judge(request(mutated(before)), VIEW).findings}
    assert second <= first


_CONTAINER = r"/spec/(?:containers|initContainers|ephemeralContainers)/\d+"
NARROW: list[tuple[str, Json]] = [
    (r"/spec/automountServiceAccountToken", False),
    (r"/spec/runtimeClassName", "gvisor"),
    (r"/spec/securityContext/runAsNonRoot", True),
    (r"/spec/securityContext/seccompProfile/type", "Localhost"),
    (r"/spec/securityContext/seccompProfile/localhostProfile", "policyc/AGENT.json"),
    (_CONTAINER + r"/resources/limits/memory", None),
    (_CONTAINER + r"/securityContext/allowPrivilegeEscalation", False),
    (_CONTAINER + r"/securityContext/readOnlyRootFilesystem", True),
    (_CONTAINER + r"/securityContext/capabilities/drop/(?:\d+|-)", "ALL"),
    (r"/metadata/labels/.+", None),
    (r"/metadata/annotations/policyc.dev~1agent", "AGENT"),
    (r"/metadata/annotations/policyc.dev~1envelope", None),
]
"""What may be added, below the template; None: any text or amount.  Written from the design."""


def leaves(pointer: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", child)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from leaves(f"{pointer}/{i}", child)
    else:
        yield pointer, value


@given(odd_pods(), kinds)
def test_all_that_is_added_narrows(body: Json, row: WorkloadKind) -> None:
    agent = body["spec"]["serviceAccountName"]
    assume(isinstance(agent, str))
    base = "".join(f"/{key}" for key in row.template)
    before = in_kind(row, body)
    for operation in patch(request(before)):
        assert operation["path"].startswith(base)
        if not operation["path"].endswith(("/drop/-", "policyc.dev~1envelope")):
            assert operation["op"] == "add"
            assert at(before, operation["path"]) is None, "what stands is never changed"
        for pointer, value in leaves(operation["path"].removeprefix(base), operation["value"]):
            rule = [v for p, v in NARROW if re.fullmatch(p, pointer)]
            assert len(rule) == 1, pointer
            wanted = rule[0].replace("AGENT", agent) if isinstance(rule[0], str) else rule[0]
            assert wanted is None or value == wanted


def at(document: Json, pointer: str) -> Json:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document.get(key)
        if document is None:
            return None
    return document


def stripped(body: Json, keep: frozenset[str]) -> Json:
    """Without what mutation can say itself, but for what is to be kept."""
    bare = copy.deepcopy(body)
    spec = bare["spec"]
    owners = [bare["metadata"], spec, spec["securityContext"]]
    for container in spec["containers"]:
        owners += [container, container["securityContext"]]
    for owner in owners:
        for key in SAID.split():
            if key not in keep:
                owner.pop(key, None)
    return bare


SAID = """labels runtimeClassName runAsNonRoot seccompProfile resources allowPrivilegeEscalation
readOnlyRootFilesystem capabilities securityContext"""


@given(
    st.sampled_from(("research", "summary")), st.frozensets(st.sampled_from(SAID.split())), kinds
)
@example("research", frozenset(), kind("Deployment"))
@example("summary", frozenset(), kind("Pod"))
def test_what_it_can_say_it_says(agent: str, keep: frozenset[str], row: WorkloadKind) -> None:
    body = stripped(pod(agent), keep)
    del body["spec"]["automountServiceAccountToken"]
    verdict = judge(request(mutated(in_kind(row, body))), VIEW)
    assert verdict.findings == ()


@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=lambda row: row.kind)
def test_a_compliant_one_is_marked_and_else_left_alone(row: WorkloadKind) -> None:
    paths = {operation["path"] for operation in patch(request(in_kind(row, pod())))}
    base = "".join(f"/{key}" for key in row.template)
    assert paths == {f"{base}/metadata/annotations"}


def test_only_pods_carry_the_digest_of_their_envelope() -> None:
    """In a template it would start a rollout with each new envelope."""
    digest = bundle().agents["research"].digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    marked = mutated(pod())
    assert marked["metadata"]["annotations"]["policyc.dev/envelope"] == digest
    marked["metadata"]["annotations"]["policyc.dev/envelope"] = "sha256:stale"
    assert mutated(marked)["metadata"]["annotations"]["policyc.dev/envelope"] == digest
    template = mutated(in_kind(kind("Deployment"), pod()))["spec"]["template"]
    assert template["metadata"]["annotations"] == {"policyc.dev/agent": "research"}


BARE = stripped(pod(), frozenset())


def test_an_agent_that_is_not_enforced_is_left_alone() -> None:
    body = stripped(pod("digest"), frozenset({"labels"}))
    assert patch(request(body)) == []
    assert patch(request(in_kind(kind("CronJob"), body))) == []


def test_a_running_pod_is_left_alone() -> None:
    assert patch(request(BARE, "UPDATE", BARE)) == []
    assert patch(request(None, "DELETE", BARE)) == []
    assert patch(request(BARE, subresource="ephemeralcontainers", resource="pods")) == []


def test_a_template_that_stays_as_it_was_starts_no_rollout() -> None:
    old = in_kind(kind("Deployment"), BARE)
    new = copy.deepcopy(old)
    new["metadata"]["labels"] = {"team": "a"}
    assert patch(request(new, "UPDATE", old)) == []
    new["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    assert patch(request(new, "UPDATE", old)) != []
    ending = copy.deepcopy(new)
    ending["metadata"]["deletionTimestamp"] = "2026-09-01T00:00:00Z"
    assert patch(request(ending, "UPDATE", old)) == []


@pytest.mark.parametrize(
    ("owner", "is_left"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}, True),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, False),
        ({"apiVersion": "kagent.dev/v1alpha2", "kind": "Agent", "controller": True}, False),
        ("odd", False),
    ],
)
def test_a_copy_of_a_template_must_stay_the_copy(owner: Json, is_left: bool) -> None:
    """Else the Deployment's controller finds no ReplicaSet of its template and makes another."""
    body = in_kind(kind("ReplicaSet"), BARE)
    body["metadata"]["ownerReferences"] = [owner]
    body["spec"]["template"]["metadata"]["labels"] = pod()["metadata"]["labels"]
    assert (patch(request(body)) == []) == is_left
    of_it = copy.deepcopy(BARE)
    of_it["metadata"]["ownerReferences"] = [owner]
    assert patch(request(of_it)) != [], "its pods are changed all the same"


def test_all_is_dropped_beside_what_is_dropped_already() -> None:
    body = pod()
    body["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"] = ["NET_RAW"]
    capabilities = mutated(body)["spec"]["containers"][0]["securityContext"]["capabilities"]
    assert capabilities == {"drop": ["NET_RAW", "ALL"]}


def test_a_limit_is_not_below_the_request() -> None:
    body = pod()
    body["spec"]["containers"][0]["resources"] = {"requests": {"memory": "4Gi"}}
    limits = mutated(body)["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"memory": "4Gi"}


def test_the_envelope_of_the_day_decides() -> None:
    agent = bundle().agents["research"]
    assert agent.envelope.domains["kube"]
    body = pod()
    del body["spec"]["automountServiceAccountToken"]
    case = case_of(request(body), bundle(), VIEW, SETTINGS, TODAY)
    ended = dict(agent.envelope.domains) | {"kube": agent.envelope.domains["kube"].domain.empty}
    without = replace(agent, envelope=replace(agent.envelope, domains=ended))
    ends = replace(case, agent=without)
    paths = [o["path"] for o in operations(ends)]
    assert "/spec/automountServiceAccountToken" in paths
    assert "/spec/automountServiceAccountToken" not in [o["path"] for o in operations(case)]
