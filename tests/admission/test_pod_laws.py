"""Where a fault stands makes no difference, and no object is too odd for an answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import (
    SETTINGS,
    TODAY,
    Json,
    bundle,
    in_kind,
    judge,
    pod,
    reasons,
    request,
    view,
)
from support.odd_pods import json_values, odd_pods

from policyc.admission.case import case_of
from policyc.admission.mutate import mutate
from policyc.admission.request import Operation, Request
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

VIEW = view()
Fault = Callable[[Json], object]
OTHER = "registry.other.example/x@sha256:" + "cd" * 32

FAULTS: dict[str, Fault] = {
    "IMAGE": lambda c: c.update(image=OTHER),
    "IMAGE_DIGEST": lambda c: c.update(image="registry.example.com/agents/research:1"),
    "COMMAND": lambda c: c.update(command=["/bin/other"]),
    "PRIVILEGED": lambda c: c["securityContext"].update(privileged=True),
    "ESCALATION": lambda c: c["securityContext"].pop("allowPrivilegeEscalation"),
    "WRITABLE_ROOT": lambda c: c["securityContext"].update(readOnlyRootFilesystem=None),
    "CAPABILITY": lambda c: c["securityContext"].update(capabilities={"add": ["NET_RAW"]}),
    "ROOT": lambda c: c["securityContext"].update(runAsNonRoot=False),
    "SECCOMP_TYPE": lambda c: c["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "APPARMOR": lambda c: c["securityContext"].update(appArmorProfile={"type": "Unconfined"}),
    "PROC_MOUNT": lambda c: c["securityContext"].update(procMount="Unmasked"),
    "SELINUX": lambda c: c["securityContext"].update(seLinuxOptions={"role": "x"}),
    "HOST_PORT": lambda c: c.update(ports=[{"containerPort": 1, "hostPort": 1}]),
    "PROBE_HOST": lambda c: c.update(livenessProbe={"tcpSocket": {"host": "x", "port": 1}}),
    "VOLUME_TYPE": lambda c: c.update(volumeDevices=[{"name": "v", "devicePath": "/d"}]),
    "MOUNT_PATH": lambda c: c.update(volumeMounts=[{"name": "v", "mountPath": "/etc"}]),
    "DEVICES": lambda c: c.update(resources={"limits": {"memory": "1Gi", "x.example/y": 1}}),
    "UNKNOWN_FIELD": lambda c: c.update(tomorrow=1),
    "MALFORMED": lambda c: c.update(command="x"),
}
"""Why -> what is done to a good container."""

LISTS = {
    "containers": {},
    "initContainers": {},
    "sidecars": {"restartPolicy": "Always"},
}


@given(
    st.sampled_from(sorted(FAULTS)),
    st.sampled_from(sorted(LISTS)),
    st.integers(1, 6),
    st.data(),
    st.sampled_from(WORKLOAD_KINDS),
)
def test_a_fault_keeps_its_verdict_wherever_it_moves(
    reason: str, where: str, count: int, data: st.DataObject, row: WorkloadKind
) -> None:
    body = pod()
    good = {**body["spec"]["containers"][0], **LISTS[where]}
    listed = [{**copy.deepcopy(good), "name": f"c{i}"} for i in range(count)]
    body["spec"]["containers" if where == "containers" else "initContainers"] = listed
    assert judge(request(in_kind(row, body)), VIEW).findings == ()
    FAULTS[reason](listed[data.draw(st.integers(0, count - 1))])
    assert reasons(judge(request(in_kind(row, body)), VIEW)) == {reason}


@pytest.mark.parametrize("reason", sorted(FAULTS))
def test_nor_does_it_when_it_is_added_to_a_running_pod(reason: str) -> None:
    old, new = pod(), pod()
    debug = {**copy.deepcopy(new["spec"]["containers"][0]), "name": "debug"}
    FAULTS[reason](debug)
    new["spec"]["ephemeralContainers"] = [debug]
    asked = request(new, "UPDATE", old, resource="pods", subresource="ephemeralcontainers")
    assert reasons(judge(asked, VIEW)) == {reason, "EPHEMERAL"}


@given(st.sampled_from(sorted(FAULTS)), st.sampled_from(WORKLOAD_KINDS))
def test_a_fault_that_moves_to_another_container_is_a_new_one(
    reason: str, row: WorkloadKind
) -> None:
    """The ratchet forgives what was there, not what is like it."""
    old = pod()
    old["spec"]["containers"].append({**copy.deepcopy(old["spec"]["containers"][0]), "name": "b"})
    new = copy.deepcopy(old)
    FAULTS[reason](old["spec"]["containers"][0])
    FAULTS[reason](new["spec"]["containers"][1])
    asked = request(in_kind(row, new), "UPDATE", in_kind(row, old))
    assert reasons(judge(asked, VIEW)) == {reason}
    kept = request(in_kind(row, old), "UPDATE", in_kind(row, old))
    assert judge(kept, VIEW).allowed


@given(st.sampled_from(sorted(FAULTS)), st.sampled_from(WORKLOAD_KINDS), st.booleans())
def test_a_fault_that_others_are_put_before_is_the_old_one(
    reason: str, row: WorkloadKind, is_variable: bool
) -> None:
    """Containers and variables are known by their names, wherever in their lists they stand."""
    old = pod()
    container = old["spec"]["containers"][0]
    container["env"] = [{"name": "AGENT_TOOLS", "value": "shell_exec"}]
    FAULTS[reason](container)
    new = copy.deepcopy(old)
    if is_variable:
        new["spec"]["containers"][0]["env"].insert(0, {"name": "TZ", "value": "UTC"})
    else:
        new["spec"]["containers"].insert(
            0, {**copy.deepcopy(pod()["spec"]["containers"][0]), "name": "b"}
        )
    verdict = judge(request(in_kind(row, new), "UPDATE", in_kind(row, old)), VIEW)
    assert verdict.allowed
    assert {reason, "TOOL"} <= {finding.reason for finding in verdict.warnings}


@given(odd_pods(), odd_pods(), st.sampled_from(Operation), st.sampled_from(WORKLOAD_KINDS))
def test_every_pod_has_an_answer(
    new: Json, old: Json, operation: Operation, row: WorkloadKind
) -> None:
    answered(request(in_kind(row, new), operation.value, in_kind(row, old)))


@given(
    st.dictionaries(st.sampled_from(("metadata", "spec", "template", "status")), json_values),
    st.sampled_from(("exec", "proxy", "token", "binding", "status", "ephemeralcontainers", "")),
    st.sampled_from(("pods", "nodes", "services", "serviceaccounts", "secrets")),
    st.sampled_from(
        ("Pod", "Deployment", "Secret", "Binding", "EphemeralContainers", "NodeProxyOptions")
    ),
    st.sampled_from(Operation),
)
def test_every_object_has_an_answer(
    body: Json, subresource: str, resource: str, named: str, operation: Operation
) -> None:
    asked = request(pod(), operation.value, pod(), resource=resource, subresource=subresource)
    group = "apps" if named == "Deployment" else ""
    for old in (None, body):
        answered(replace(asked, kind=named, group=group, object=body, old=old))


SPOTS = ["metadata", "spec", *(f"spec.{key}" for key in pod()["spec"]), "spec.volumes"]


@given(st.sampled_from(SPOTS), json_values, st.sampled_from(WORKLOAD_KINDS))
def test_anything_anywhere_has_an_answer(spot: str, value: Json, row: WorkloadKind) -> None:
    good = in_kind(row, pod())
    odd = copy.deepcopy(good)
    owner = odd
    for key in row.template:
        owner = owner[key]
    *way, last = spot.split(".")
    for key in way:
        owner = owner[key]
    owner[last] = value
    answered(replace(request(good), object=odd))
    answered(replace(request(good, "UPDATE", good), object=odd))


def answered(asked: Request) -> None:
    assert judge(asked, VIEW).uid == asked.uid
    mutate(case_of(asked, bundle(), VIEW, SETTINGS, TODAY))
