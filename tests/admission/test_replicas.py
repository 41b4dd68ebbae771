"""What is remembered of pods that were in order never answers for another one."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from support.admission import (
    SETTINGS,
    TODAY,
    Json,
    bundle,
    in_kind,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.odd_pods import odd_pods

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.pods import pod_in
from policyc.admission.remembered import LONGEST, Remembered
from policyc.admission.settings import Settings
from policyc.admission.verdict import Verdict
from policyc.admission.view import View
from policyc.envelope.model import Expiry

VIEW = view()


def fresh() -> Bundle:
    return Bundle(bundle().agents.values())


def judged(
    body: Json, by: Bundle, at: View = VIEW, settings: Settings = SETTINGS, today: str = TODAY
) -> Verdict:
    return evaluate(request(body), by, at, settings, today)


def with_token(name: str = "kube-api-access-x7k2p") -> Json:
    """A pod as the ServiceAccount admission plugin leaves it."""
    body = pod()
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    body["spec"]["volumes"] = [{"name": name, "projected": {"sources": [source]}}]
    mount = {"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    body["spec"]["containers"][0]["volumeMounts"] = [mount]
    return body


USED = fresh()


@given(odd_pods())
def test_a_bundle_that_has_judged_much_answers_as_a_new_one(body: Json) -> None:
    for row in (kind("Pod"), kind("Deployment")):
        for each in (pod(), body, body):
            asked = in_kind(row, each)
            assert judged(asked, USED).findings == judged(asked, fresh()).findings


TWINS: dict[str, tuple[tuple[str | int, ...], Json]] = {
    "false": (("containers", 0, "securityContext", "allowPrivilegeEscalation"), 0),
    "true": (("containers", 0, "securityContext", "readOnlyRootFilesystem"), 1),
    "of the pod": (("securityContext", "runAsNonRoot"), 1),
    "of the token": (("automountServiceAccountToken",), 0),
    "a text": (("containers", 0, "resources"), {"limits": {"memory": "256Mi", "x.example/y": 1}}),
}


@pytest.mark.parametrize("name", TWINS)
def test_what_python_calls_equal_is_not(name: str) -> None:
    (*way, last), value = TWINS[name]
    by = fresh()
    good = pod("summary")
    assert judged(good, by).allowed
    bad = copy.deepcopy(good)
    owner = bad["spec"]
    for key in way:
        owner = owner[key]
    owner[last] = value
    assert not judged(bad, by).allowed


def test_replicas_are_one_whatever_the_volume_of_their_token_is_called() -> None:
    one, other = (pod_in("", "Pod", with_token(f"kube-api-access-{x}")) for x in ("abcde", "fghij"))
    assert one is not None and other is not None
    assert one.words() == other.words() != b""
    renamed = with_token("own")
    mine = pod_in("", "Pod", renamed)
    assert mine is not None and mine.words() != one.words()


@pytest.mark.parametrize(
    "mount",
    [
        {"name": "kube-api-access-x7k2p", "mountPath": "/etc"},
        {"name": "", "mountPath": "/etc/hosts"},
        {"name": "kube-api-access-x7k2p", "mountPath": "/x", "mountPropagation": "Bidirectional"},
    ],
)
def test_a_mount_of_the_token_is_looked_at(mount: Json) -> None:
    by, body = fresh(), with_token()
    assert judged(body, by).allowed
    body["spec"]["containers"][0]["volumeMounts"] = [mount]
    assert not judged(body, by).allowed


def test_a_volume_that_bears_the_name_of_the_token_is_looked_at() -> None:
    by, body = fresh(), with_token()
    assert judged(body, by).allowed
    volume = {"name": "kube-api-access-x7k2p", "hostPath": {"path": "/"}}
    body["spec"]["volumes"] = [volume]
    assert not judged(body, by).allowed


def test_a_service_that_changes_is_asked_again() -> None:
    by, body = fresh(), pod()
    body["spec"]["containers"][0]["env"] = [{"name": "API_URL", "value": "https://out.mcp"}]
    spec = {"type": "ExternalName", "externalName": "api.example.com"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "out", "namespace": "mcp"}, "spec": spec}  # fmt: skip
    assert judged(body, by, view(service)).allowed
    service["spec"] = {"type": "ExternalName", "externalName": "evil.example"}
    assert reasons(judged(body, by, view(service))) == {"EGRESS"}


def test_a_config_map_that_changes_is_asked_again() -> None:
    by, body = fresh(), pod()
    reference = {"name": "given", "key": "TOOLS"}
    body["spec"]["containers"][0]["env"] = [
        {"name": "AGENT_TOOLS", "valueFrom": {"configMapKeyRef": reference}}
    ]
    metadata = {"name": "given", "namespace": "agents"}
    given_ = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    assert judged(body, by, view({**given_, "data": {"TOOLS": "web/web_search"}})).allowed
    worse = view({**given_, "data": {"TOOLS": "web/shell_exec"}})
    assert reasons(judged(body, by, worse)) == {"TOOL"}


def test_a_network_policy_that_goes_is_asked_again() -> None:
    by = fresh()
    assert judged(pod(), by).allowed
    without = VIEW.with_kind(("networking.k8s.io", "NetworkPolicy"), {})
    assert reasons(judged(pod(), by, without)) == {"NO_DEFAULT_DENY"}


def test_other_settings_ask_again() -> None:
    by, body = fresh(), pod()
    body["spec"]["volumes"] = [{"name": "v", "csi": {"driver": "x"}}]
    lenient = replace(SETTINGS, csi_drivers=frozenset({"x"}))
    assert judged(body, by, settings=lenient).allowed
    assert reasons(judged(body, by)) == {"VOLUME_TYPE"}


def test_what_has_ended_is_not_remembered() -> None:
    research = bundle().agents["research"]
    image = research.envelope.domains["image"]
    expiry = Expiry("2026-10-01", "image", image)
    by = Bundle([replace(research, envelope=replace(research.envelope, expiries=(expiry,)))])
    assert judged(pod(), by).allowed
    assert reasons(judged(pod(), by, today="2026-10-02")) == {"IMAGE"}


def test_memory_stays_small_and_takes_nothing_long() -> None:
    memory, state = Remembered(), object()
    memory.keep(("a",), b"", state)
    memory.keep(("a",), b"x" * (LONGEST + 1), state)
    assert not memory.holds(("a",), b"", state)
    assert not memory.holds(("a",), b"x" * (LONGEST + 1), state)
    for i in range(10_000):
        memory.keep(("a", str(i % 7)), b"%d" % i, state)
    held = [i for i in range(10_000) if memory.holds(("a", str(i % 7)), b"%d" % i, state)]
    assert 0 < len(held) < 5_000
    assert not memory.holds(("b",), b"9999", state)
    assert not memory.holds(("a", str(9999 % 7)), b"9999", object())
