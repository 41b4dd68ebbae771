"""From a pod to the workload template that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorder.errors import ExitCode, RecorderError
from recorder.identity import Container
from recorder.owners import in_cluster, resolve
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
    found = resolve(POD, lambda path: objects.get(path, {}))
    assert found.workload == Workload(owner[0], owner[1], "support", owner[2], "agent")
    assert not found.pod


def test_the_template_and_the_image() -> None:
    pod = made_by("apps/v1", "StatefulSet", "t", **{"controller-revision-hash": "t-5"})
    statuses = [
        {"name": "other", "imageID": "x@sha256:b"},
        {"name": "agent", "imageID": "r/x@sha256:a"},
    ]
    pod["status"] = {"containerStatuses": statuses}
    found = resolve(POD, lambda path: pod if path == PODS else {})
    assert (found.template_hash, found.image_digest) == ("t-5", "sha256:a")


def test_nobody_who_answers_and_nobody_who_is_asked() -> None:
    assert resolve(POD, lambda _: {}) == POD
    named = Container("c1", "runc", Workload("apps/v1", "Deployment", "support", "d", "agent"))
    assert resolve(named, pytest.fail) == named


def test_outside_of_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(RecorderError) as failure:
        in_cluster(tmp_path)
    assert failure.value.code == ExitCode.USAGE
