"""From a pod to the workload template that made it."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from recorder.api import UnansweredError, in_cluster
from recorder.errors import ExitCode, RecorderError
from recorder.identity import Container
from recorder.kubelet import kubelet
from recorder.owners import AGAIN_SECONDS, POD_IS_GONE, Owners, resolve
from recorder.profile import Workload

POD = Container("c1", "runc", Workload("v1", "Pod", "support", "p", "agent"), pod=True)
PODS = "/api/v1/namespaces/support/pods/p"
SETS = "/apis/apps/v1/namespaces/support/replicasets/s"
JOBS = "/apis/batch/v1/namespaces/support/jobs/j"


def made_by(*owner: str, **labels: str) -> dict[str, Any]:
    reference = dict(zip(("apiVersion", "kind", "name"), owner, strict=True)) | {"controller": True}
    other = {"apiVersion": "v1", "kind": "Node", "name": "n"}
    return {"metadata": {"ownerReferences": [other, reference], "labels": labels}}


@pytest.mark.parametrize(
    "objects, owner",
    [
        ({PODS: made_by("apps/v1", "ReplicaSet", "s"), SETS: made_by("apps/v1", "Deployment", "d")}, ("apps/v1", "Deployment", "d")),
        ({PODS: made_by("apps/v1", "ReplicaSet", "s"), SETS: made_by("argoproj.io/v1", "Rollout", "r")}, ("argoproj.io/v1", "Rollout", "r")),
        ({PODS: made_by("apps/v1", "ReplicaSet", "s"), SETS: {"metadata": {}}}, ("apps/v1", "ReplicaSet", "s")),
        ({PODS: made_by("batch/v1", "Job", "j"), JOBS: made_by("batch/v1", "CronJob", "c")}, ("batch/v1", "CronJob", "c")),
        ({PODS: made_by("batch/v1", "Job", "j")}, ("batch/v1", "Job", "j")),
        ({PODS: made_by("apps/v1", "StatefulSet", "t")}, ("apps/v1", "StatefulSet", "t")),
        ({PODS: {"metadata": {"ownerReferences": []}}}, ("v1", "Pod", "p")),
    ],
)  # fmt: skip
def test_the_owner(objects: dict[str, Any], owner: tuple[str, str, str]) -> None:
    found = resolve(POD, objects.get)
    assert found.workload == Workload(owner[0], owner[1], "support", owner[2], "agent")
    assert not found.pod


def test_the_template_and_the_image() -> None:
    pod = made_by("apps/v1", "StatefulSet", "t", **{"controller-revision-hash": "t-5"})
    statuses = [
        {"name": "other", "imageID": "x@sha256:b"},
        {"name": "agent", "imageID": "r/x@sha256:a"},
    ]
    pod["status"] = {"containerStatuses": statuses}
    found = resolve(POD, {PODS: pod}.get)
    assert (found.template_hash, found.image_digest) == ("t-5", "sha256:a")


def test_the_image_that_was_asked_for_until_the_kubelet_reports_one() -> None:
    pod = made_by("apps/v1", "StatefulSet", "t")
    images = {"other": "r/x@sha256:b", "agent": "r/x:1@sha256:a"}
    pod["spec"] = {"initContainers": [{"name": n, "image": i} for n, i in images.items()]}
    pod["status"] = {"containerStatuses": [{"name": "agent", "imageID": ""}]}
    assert resolve(POD, {PODS: pod}.get).image_digest == "sha256:a"


@pytest.mark.parametrize(
    "owner, label, found",
    [
        ("triage-7d4f9c", "7d4f9c", ("Deployment", "triage")),
        ("triage-7d4f9c", "other", ("ReplicaSet", "triage-7d4f9c")),
        ("7d4f9c", "7d4f9c", ("ReplicaSet", "7d4f9c")),
    ],
)
def test_a_replica_set_that_is_gone(owner: str, label: str, found: tuple[str, str]) -> None:
    """Its name and the pod's label tell: no name of a workload holds a template's hash."""
    pod = made_by("apps/v1", "ReplicaSet", owner, **{"pod-template-hash": label})
    workload = resolve(POD, {PODS: pod}.get).workload
    assert (workload.kind, workload.name) == found


def test_a_pod_that_is_gone_says_so_and_one_that_is_named_is_not_asked_for() -> None:
    gone = resolve(POD, {}.get)
    assert (gone.workload, gone.pod, gone.blind) == (POD.workload, False, (POD_IS_GONE,))
    named = Container("c1", "runc", Workload("apps/v1", "Deployment", "support", "d", "agent"))
    assert resolve(named, pytest.fail) == named


def test_nobody_who_answers_is_asked_again_after_a_while() -> None:
    objects: dict[str, Any] = {
        PODS: made_by("apps/v1", "ReplicaSet", "s"),
        SETS: made_by("apps/v1", "Deployment", "d"),
    }
    asked: list[str] = []

    def fetch(path: str) -> Any:
        asked.append(path)
        if len(asked) == 1:
            raise UnansweredError("connection refused")
        return objects.get(path)

    owners = Owners(fetch)
    assert owners.resolve(POD, 100) == POD
    assert owners.resolve(POD, 100 + AGAIN_SECONDS / 2) == POD
    assert len(asked) == 1
    for _ in range(2):
        assert owners.resolve(POD, 100 + AGAIN_SECONDS).workload.name == "d"
    assert asked.count(SETS) == 1, "its owner never changes"


def test_outside_of_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(RecorderError) as failure:
        in_cluster({}, tmp_path)
    assert failure.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    "job, found",
    [
        ("nightly-29384721", ("CronJob", "nightly")),
        ("import-2", ("Job", "import-2")),
        ("29384721", ("Job", "29384721")),
    ],
)
def test_a_job_that_is_gone(job: str, found: tuple[str, str]) -> None:
    workload = resolve(POD, {PODS: made_by("batch/v1", "Job", job)}.get).workload
    assert (workload.kind, workload.name) == found


class _Kubelet(BaseHTTPRequestHandler):
    """What a kubelet answers on its read-only port (pkg/kubelet/server, Kubernetes 1.36)."""

    pods: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        data = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": self.pods}).encode()
        self.send_response(200 if self.path == "/pods" else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def test_a_kubelet_tells_of_its_pods() -> None:
    """Also of those that came after it was asked; nobody else needs to answer for a Deployment."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Kubelet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        owners = Owners(kubelet(f"http://127.0.0.1:{server.server_port}", None).get)
        pod = made_by("apps/v1", "ReplicaSet", "d-5f6", **{"pod-template-hash": "5f6"})
        pod["metadata"] |= {"namespace": "support", "name": "p"}
        _Kubelet.pods.append(pod)
        found = owners.resolve(POD, 0)
        other = replace(POD, workload=replace(POD.workload, name="q"))
        _Kubelet.pods.append({**pod, "metadata": {**pod["metadata"], "name": "q"}})
        again = owners.resolve(other, 0)
        server.shutdown()
    assert found.workload == again.workload
    assert (found.workload.kind, found.workload.name) == ("Deployment", "d")
    assert found.template_hash == "5f6"


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_a_node_with_an_ipv6_address(host: str) -> None:
    """`status.hostIP` has no brackets."""
    server = kubelet(f"http://{host}:10255/", None).server
    assert (server.host, server.port) == ("::1", 10255)


@pytest.mark.parametrize(
    "address",
    ["", "10.0.0.1:10250", "ftp://h:1", "https://h", "https://h:0", "https://h:65536",
     "https://h:٣", "https://:10250", "https://u@h:10250", "https://h/pods:1", "https://[::1:x]"],
)  # fmt: skip
def test_no_address_of_a_kubelet(address: str) -> None:
    with pytest.raises(RecorderError) as failure:
        kubelet(address, None)
    assert failure.value.code == ExitCode.USAGE
