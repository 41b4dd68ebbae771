"""The recorder as clusters have it: its DaemonSet, as deploy/recorder has it, on a node with a kubelet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest
from support.alone import alone
from support.samples import ROOT

from policyc.catalog.setup_only import SETUP_ONLY

from .images import of_busybox, of_layout
from .node import PAUSE, WAIT_SECONDS, Node, node

pytestmark = pytest.mark.node

MANIFESTS = ROOT / "deploy" / "recorder"
IMAGE = "registry.example.com/policyc/recorder:0.1.0"
RECORDER = "policyc-recorder"
AGENT = "policyc.test/agent:1"
AGENTS = "agents"
PROFILES = f"/apis/policyc.dev/v1/namespaces/{AGENTS}/agentprofiles"


def deployment(name: str, replicas: int, command: Sequence[str]) -> Any:  # as the API has it
    labels = {"app": name}
    container = {"name": "main", "image": AGENT, "command": ["sh", "-c", *command]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": AGENTS},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one agent that was there before the recorder, and the recorder, ready."""
    folder = tmp_path_factory.mktemp("node")
    with alone(), node(folder) as started:
        started.load(of_busybox(("sleep", "1000000"), PAUSE, folder / "pause.tar"))
        started.load(of_busybox(("sh",), AGENT, folder / "agent.tar"))
        started.load(of_layout(ROOT / "build/images/recorder", IMAGE, folder / "recorder.tar"))
        started.plane.make_namespace(AGENTS)
        start(started, "early", 1, "while :; do cat /proc/self/stat >/dev/null; sleep 1; done")
        install(started, folder / "deploy")
        yield started


def start(on: Node, name: str, replicas: int, command: str) -> None:
    """A Deployment, and wait until its pods run."""
    path = f"/apis/apps/v1/namespaces/{AGENTS}/deployments/{name}"
    answer = on.plane.admin.apply(path, deployment(name, replicas, [command]))
    assert answer.status == 201, answer.message
    on.start(AGENTS, {"app": name}, replicas)


def install(on: Node, folder: Path) -> None:
    """As docs/howto/record-in-a-cluster.md says, with the kubelet's part."""
    shutil.copytree(MANIFESTS, folder / "recorder")
    chosen = {"resources": ["recorder"], "components": ["recorder/kubelet"]}
    (folder / "kustomization.yaml").write_text(json.dumps(chosen))
    on.seccomp.joinpath("policyc").mkdir(parents=True)
    shutil.copy(MANIFESTS / "seccomp-amd64.json", on.seccomp / "policyc" / "recorder.json")
    done = on.plane.kubectl("apply", "--kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    on.start(RECORDER, {"app.kubernetes.io/name": RECORDER}, 1)


def profile(
    on: Node, name: str, runs: int, paths: AbstractSet[str]
) -> Any:  # the `spec` of an AgentProfile
    """That of a Deployment, once it has so many runs, and files that programs in them opened."""
    wanted = f"deployment-{AGENTS}-{name}-main"

    def has_all(found: Any) -> bool:
        spec = found["spec"]
        is_whole = len(spec["runs"]) == runs and paths <= opened(spec)
        return found["metadata"]["name"] == wanted and is_whole

    return on.plane.admin.first(PROFILES, has_all, seconds=WAIT_SECONDS)["spec"]


def opened(spec: Any) -> set[str]:
    return {i["path"] for i in spec["files"] if i["phase"] == "application"}


def test_replicas_under_a_kubelet_are_one_profile_of_their_deployment(running: Node) -> None:
    start(running, "triage", 2, "cat /etc/hostname; echo x >/tmp-note; exec sleep 1000000")
    done = running.plane.kubectl("-n", AGENTS, "exec", "deploy/triage", "--", "cat", "/etc/hosts")
    assert done.returncode == 0, done.stderr
    assert running.plane.kubectl("-n", AGENTS, "delete", "deploy", "triage").returncode == 0
    paths = {"/tmp-note", "/etc/hostname", "/etc/hosts"}
    spec = profile(running, "triage", 2, paths)
    assert spec["workload"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "namespace": AGENTS,
        "name": "triage",
        "container": "main",
    }
    assert [run["coverage"] for run in spec["runs"]] == ["from-creation"] * 2
    assert {tuple(run["blind"]) for run in spec["runs"]} == {()}
    calls = {i["name"] for i in spec["syscalls"] if i["phase"] == "application"}
    assert calls & SETUP_ONLY == set()


def test_who_was_there_before_is_attached_late(running: Node) -> None:
    assert running.plane.kubectl("-n", AGENTS, "delete", "deploy", "early").returncode == 0
    spec = profile(running, "early", 1, {"/proc/<pid>/stat"})
    assert [run["coverage"] for run in spec["runs"]] == ["attached-late"]
