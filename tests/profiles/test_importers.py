"""Foreign recordings and their traps, on samples of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyc.core.diagnostics import Severity
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import FileSeen, KubeSeen, PeerSeen
from policyc.profiles.base import AgentProfile
from policyc.profiles.observed import observed, strangers
from policyc.profiles.registry import read_profiles

API = "spdx.softwarecomposition.kubescape.io/v1beta1"
LABELS = {
    "kubescape.io/workload-api-group": "apps",
    "kubescape.io/workload-api-version": "v1",
    "kubescape.io/workload-kind": "Deployment",
    "kubescape.io/workload-name": "bot",
    "kubescape.io/workload-namespace": "demo",
    "kubescape.io/instance-template-hash": "55df98fc6d",
}


def kubescape(kind: str, **container: Any) -> bytes:  # Any: JSON
    return json.dumps(
        {
            "apiVersion": API,
            "kind": kind,
            "metadata": {
                "name": "replicaset-bot-55df98fc6d",
                "namespace": "demo",
                "labels": LABELS,
            },
            "spec": {"architectures": ["amd64"], "containers": [{"name": "main", **container}]},
        }
    ).encode()


def one(data: bytes) -> AgentProfile:
    outcome = read_profiles("r.json", data)
    assert outcome.ok, outcome.diagnostics
    (profile,) = outcome.value
    return profile


def texts(profile: AgentProfile, domain: str, field: str) -> list[object]:
    return [dict(item.values).get(field) for item in profile.items[domain]]


def test_the_workload_is_the_template_and_never_its_hash() -> None:
    profile = one(kubescape("ApplicationProfile", syscalls=["read"]))
    assert profile.workload is not None
    assert (profile.workload.kind, profile.workload.name) == ("Deployment", "bot")
    assert profile.runs[0].coverage == "unknown"


def test_a_list_answer_has_no_spec() -> None:
    item = {
        "apiVersion": API,
        "kind": "ApplicationProfile",
        "metadata": {"name": "x", "labels": LABELS},
        "spec": {},
    }
    data = json.dumps(
        {"apiVersion": API, "kind": "ApplicationProfileList", "items": [item]}
    ).encode()
    (found,) = read_profiles("r.json", data).diagnostics
    assert found.code == "PC5004"


def test_wildcard_segments_and_literal_stars() -> None:
    opens = [
        {"path": "/proc/⋯/stat", "flags": ["O_RDONLY"]},
        {"path": "/tmp/⋯/x", "flags": ["O_RDWR"]},
    ]
    execs = [{"path": "/bin/*", "args": ["/bin/*", "*"]}]
    profile = one(kubescape("ApplicationProfile", opens=opens, execs=execs))
    assert texts(profile, "files", "path") == ["/proc/<pid>/stat", "/tmp/<any>/x"]
    assert texts(profile, "files", "modes") == [("read",), ("read", "write")]
    assert texts(profile, "executables", "path") == ["/bin/*"]


def test_an_unknown_syscall_is_reported_and_not_taken() -> None:
    outcome = read_profiles("r.json", kubescape("ApplicationProfile", syscalls=["read", "unknown"]))
    assert [d.code for d in outcome.diagnostics] == ["PC5005"]
    assert texts(outcome.value[0], "syscalls", "name") == ["read"]


def test_peers_lose_volatile_labels_and_keep_their_namespace() -> None:
    ports = [{"name": "TCP-80", "protocol": "TCP", "port": 80}]
    egress = [
        {
            "podSelector": {
                "matchLabels": {"app": "kb", "pod-template-hash": "1", "job-name": "j-1"}
            },
            "ports": ports,
        },
        {
            "ipAddress": "192.0.2.1",
            "dns": "API.example.com.",
            "dnsNames": ["api.example.com."],
            "ports": ports,
        },
    ]
    profile = one(kubescape("NetworkNeighborhood", egress=egress))
    seen = observed(
        [("r.json", profile)], WorkloadRef("Deployment", "apps", "demo", "bot", "main"), ""
    )
    named, pod = sorted(
        (o for o in seen.observations if isinstance(o, PeerSeen)), key=lambda o: o.is_pod
    )
    assert pod.pod_labels == (("app", "kb"),)
    assert pod.namespace_labels == (("kubernetes.io/metadata.name", "demo"),)
    assert named.hosts == ("api.example.com",)
    assert named.sighting.evidence[0].pointer == "/spec/containers/0/egress/1/ports/0"


PORTS = [{"name": "TCP-80", "protocol": "TCP", "port": 80}]
APP = {"app": "kb"}


@pytest.mark.parametrize("side", ["podSelector", "namespaceSelector"])
@pytest.mark.parametrize(
    ("expression", "label"),
    [
        ({"key": "tier", "operator": "In", "values": ["db"]}, ("tier", "db")),
        ({"key": "app", "operator": "In", "values": ["kb"]}, ("app", "kb")),
        ({"key": "pod-template-hash", "operator": "Exists"}, ("app", "kb")),
        ({"key": "app", "operator": "In", "values": ["other"]}, None),
        ({"key": "tier", "operator": "In", "values": ["db", "web"]}, None),
        ({"key": "tier", "operator": "NotIn", "values": ["db"]}, None),
        ({"key": "tier", "operator": "Exists"}, None),
        ({"key": "tier", "operator": "DoesNotExist"}, None),
        ({"operator": "In", "values": ["db"]}, None),
    ],
)
def test_a_selector_is_never_widened(
    side: str, expression: dict[str, Any], label: tuple[str, str] | None
) -> None:
    peer = {"podSelector": {"matchLabels": APP}, "namespaceSelector": {"matchLabels": APP}}
    peer[side]["matchExpressions"] = [expression]  # type: ignore[assignment]
    data = kubescape("NetworkNeighborhood", egress=[{**peer, "ports": PORTS}])
    outcome = read_profiles("r.json", data)
    (profile,) = outcome.value
    if label is None:
        assert [d.code for d in outcome.diagnostics] == ["PC5009"]
        assert "egress" not in profile.items
    else:
        assert not outcome.diagnostics
        field = {"podSelector": "podLabels", "namespaceSelector": "namespaceLabels"}[side]
        (labels,) = texts(profile, "egress", field)
        assert labels == tuple(sorted({("app", "kb"), label}))


@pytest.mark.parametrize(
    "ports",
    [
        None,
        [],
        [{"protocol": "ICMP", "port": 1}],
        [{"protocol": "TCP", "port": None}],
        [{"protocol": "TCP", "port": 65536}],
        [{"protocol": "TCP", "port": -1}],
        [{"protocol": "TCP", "port": True}],
    ],
)
@pytest.mark.parametrize("direction", ["egress", "ingress"])
def test_a_peer_that_cannot_be_taken_is_named(direction: str, ports: object) -> None:
    peer = {"ipAddress": "192.0.2.1", "ports": ports}
    outcome = read_profiles("r.json", kubescape("NetworkNeighborhood", **{direction: [peer]}))
    (found,) = outcome.diagnostics
    assert (found.code, found.severity) == ("PC5009", Severity.WARNING)
    assert f"/spec/containers/0/{direction}/0" in found.message
    assert outcome.value[0].items == {}


def test_an_architecture_is_not_taken_for_granted_in_silence() -> None:
    for body, codes in (({"syscalls": ["read"]}, ["PC5010"]), ({"opens": []}, [])):
        document = json.loads(kubescape("ApplicationProfile", **body))
        del document["spec"]["architectures"]
        outcome = read_profiles("r.json", json.dumps(document).encode())
        assert [d.code for d in outcome.diagnostics] == codes


def test_evidence_points_into_the_file_as_it_is() -> None:
    data = kubescape(
        "ApplicationProfile", opens=[{"path": "/a", "flags": []}, {"path": "/b", "flags": []}]
    )
    seen = observed(
        [("r.json", one(data))], WorkloadRef("Deployment", "apps", "demo", "bot", "main"), ""
    )
    for observation in seen.observations:
        assert isinstance(observation, FileSeen)
        here: Any = json.loads(data)
        for token in observation.sighting.evidence[0].pointer.split("/")[1:]:
            here = here[int(token)] if isinstance(here, list) else here[token]
        assert here["path"] == observation.path


def event(**changes: Any) -> dict[str, Any]:  # Any: JSON
    base = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "1",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/a/configmaps/x", "verb": "get",
        "user": {"username": "system:serviceaccount:a:bot"},
        "objectRef": {"resource": "configmaps", "namespace": "a", "name": "x", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-08-01T10:00:00.123456Z",
    }  # fmt: skip
    return {**base, **changes}


def requests(*events: dict[str, Any]) -> list[KubeSeen]:
    data = "\n".join(map(json.dumps, events)).encode()
    outcome = read_profiles("audit.log", data)
    profiles = [("audit.log", p) for p in outcome.value]
    seen = observed(profiles, None, "a/bot")
    return [o for o in seen.observations if isinstance(o, KubeSeen)]


def test_one_audit_id_is_one_request_and_a_refusal_is_none() -> None:
    assert len(requests(event(stage="RequestReceived"), event())) == 1
    assert (
        requests(
            event(responseStatus={"code": 403}), event(auditID="2", responseStatus={"code": 403})
        )
        == []
    )
    refused = {"authorization.k8s.io/decision": "forbid"}
    assert requests(event(annotations=refused), event(auditID="2", annotations=refused)) == []
    assert len(requests(event(responseStatus={"code": 404}), event(stage="RequestReceived"))) == 1


def test_the_binding_the_impersonated_user_and_the_selected_name() -> None:
    reason = 'RBAC: allowed by ClusterRoleBinding "admins" of ClusterRole "cluster-admin" to ServiceAccount "bot/a"'
    (seen,) = requests(
        event(annotations={"authorization.k8s.io/reason": reason}), event(stage="RequestReceived")
    )
    assert seen.granted_by == "ClusterRoleBinding admins of ClusterRole cluster-admin"
    other = {"username": "system:serviceaccount:b:other"}
    assert requests(event(impersonatedUser=other), event(impersonatedUser=other)) == []
    listed = event(
        verb="list",
        requestURI="/api/v1/namespaces/a/configmaps?fieldSelector=metadata.name%3Dx",
        objectRef={"resource": "configmaps", "namespace": "a", "apiVersion": "v1"},
    )
    (seen,) = requests(listed, listed)
    assert (seen.verb, seen.name) == ("list", "x")


def test_a_new_object_has_a_name_in_the_log_and_none_for_the_authorizer() -> None:
    made = event(verb="create", requestURI="/api/v1/namespaces/a/configmaps")
    (seen,) = requests(made, made)
    assert (seen.verb, seen.name) == ("create", "")
    evicted = event(verb="create", objectRef={**made["objectRef"], "subresource": "eviction"})
    (seen,) = requests(evicted, evicted)
    assert (seen.verb, seen.name) == ("create", "x")


def test_subresources_and_urls() -> None:
    log = event(
        objectRef={
            "resource": "pods",
            "subresource": "log",
            "namespace": "a",
            "name": "p",
            "apiVersion": "v1",
        }
    )
    url = event(auditID="2", objectRef=None, requestURI="/healthz?verbose", verb="get")
    del url["objectRef"]
    seen = requests(log, url)
    assert sorted((s.resource, s.url) for s in seen) == [("", "/healthz"), ("pods/log", "")]


def test_a_profile_of_another_workload_is_refused() -> None:
    profile = one(kubescape("ApplicationProfile", syscalls=["read"]))
    other = WorkloadRef("Deployment", "apps", "demo", "other", "main")
    labelled = [("r.json", profile)]
    assert strangers(labelled, other, "") == {"r.json": ("Deployment demo/bot container main",)}
    assert observed(labelled, other, "").observations == ()
