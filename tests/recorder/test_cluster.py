"""The recorder in a cluster whose API server is away: nothing is lost, nothing is named wrongly, and it says so."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.control_plane.daemon import free_ports
from support.recorded_containers import Template, template
from support.recorder import NAMESPACE, TIMEOUT_SECONDS, call, specs
from support.samples import ROOT

from recorder.owners import NOBODY_TOLD

pytestmark = pytest.mark.system

SERVICE = """
import sys
from pathlib import Path
from recorder import daemon
from recorder.api import Server
from recorder.identity import Host
from recorder.objects import Objects
from recorder.owners import Owners
folder, port, listen = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
server = Server("127.0.0.1", port, None)
daemon.run(daemon.Service(
    folder, Host(), None, 1, ("127.0.0.1", listen), {}, Owners(server.get), Objects(server),
))
"""
"""What `--kubernetes --objects` make of a pod's environment, with an API server of our own."""


@contextmanager
def in_a_cluster(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    (listen,) = free_ports(1)
    arguments = [sys.executable, "-c", SERVICE, str(folder), str(port), str(listen)]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert first.startswith("recorder: ready"), first
            yield process, listen
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, told
    return told


def of_a_pod(containers: Template) -> None:
    """As containerd's CRI plug-in annotates a container."""
    path = containers.folder / "config.json"
    document = json.loads(path.read_text())
    document["annotations"] = {
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.sandbox-namespace": NAMESPACE,
        "io.kubernetes.cri.sandbox-name": "triage-5d9c-x2x",
        "io.kubernetes.cri.container-name": "agent",
    }
    path.write_text(json.dumps(document))


def asked(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_files_stay_and_it_says_what_is_missing(tmp_path: Path) -> None:
    containers, out = template(tmp_path / "bundle", "runc"), tmp_path / "out"
    containers.configure(("/bin/busybox", "true"))
    (away,) = free_ports(1)
    with in_a_cluster(out, away) as (process, listen):
        assert asked(listen, "/readyz") == (200, "ok\n")
        assert containers.run().returncode == 0
        while asked(listen, "/readyz")[0] == 200:
            assert process.poll() is None
        assert "does not take profiles" in asked(listen, "/readyz")[1]
        assert asked(listen, "/healthz") == (200, "ok\n"), "a restart would help nobody"
        metrics = asked(listen, "/metrics")[1]
        assert "\nrecorder_objects_written_total 0\n" in metrics
        while not (told := json.loads(call("status", "--output", str(out)).stdout))["notReady"]:
            assert process.poll() is None
        assert f"deployment-{NAMESPACE}-triage-agent.json" in told["objectsPending"]
        assert "in files only" in stopped(process)
    assert [spec["workload"]["name"] for spec in mine(out)] == ["triage"]


def test_a_pod_that_nobody_told_of_is_written_at_the_end_and_says_so(tmp_path: Path) -> None:
    containers, out = template(tmp_path / "bundle", "runc"), tmp_path / "out"
    containers.configure(("/bin/busybox", "true"))
    of_a_pod(containers)
    (away,) = free_ports(1)
    with in_a_cluster(out, away) as (process, listen):
        assert containers.run().returncode == 0
        while "recorder_owners_unanswered_total 0\n" in asked(listen, "/metrics")[1]:
            assert process.poll() is None
        assert mine(out) == [], "it would have the name of a pod"
        stopped(process)
    (spec,) = mine(out)
    assert (spec["workload"]["kind"], spec["workload"]["name"]) == ("Pod", "triage-5d9c-x2x")
    assert NOBODY_TOLD in spec["runs"][0]["blind"]
    assert {"execve"} <= {item["name"] for item in spec["syscalls"]}


def mine(folder: Path) -> list[Any]:
    return [s for s in specs(folder) if s["workload"]["namespace"] == NAMESPACE]
