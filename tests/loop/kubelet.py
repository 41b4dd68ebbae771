"""What a kubelet does for a pod, as far as the loop needs it: bind, wire, start under runc, report.

A container gets from its pod's specification what decides the outcome: command, environment,
user, no-new-privileges and the seccomp profile.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import oci
from tests.support.cilium import Attached

from .node import ADDRESS, NAME, Node

Json = Any  # objects of the API
NAMESPACE = "agents"
FOLDER = "/srv"
"""Where a container may write, and is driven from."""
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


@dataclass(frozen=True, slots=True)
class Running:
    """A pod whose container runs."""

    name: str
    agent: str
    attached: Attached
    bundle: Path

    @property
    def has_seccomp(self) -> bool:
        """Whether the container was started under a profile."""
        return "seccomp" in json.loads((self.bundle / "config.json").read_bytes())["linux"]

    def ask(self, **request: str) -> dict[str, str]:
        """One request to the agent, and its answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(str(self.bundle / "srv" / "control.sock"))
            control.sendall(json.dumps(request).encode() + b"\n")
            with control.makefile() as stream:
                answer: dict[str, str] = json.loads(stream.readline())
        return answer


@dataclass(slots=True)
class Kubelet:
    """``rootfs`` is what every container sees, read-only; ``profiles`` where localhost profiles are."""

    node: Node
    folder: Path
    rootfs: Path
    profiles: Path
    running: dict[str, Running] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    """ReplicaSets of which a pod was stopped: what the controllers make in its place is not wanted."""

    def start(self, agent: str, replicas: int) -> list[Running]:
        """Wait for the pods of a Deployment that the controllers make, and start each."""
        started: list[Running] = []
        for pod in self.node.plane.admin.watch(_PODS):
            if self._is_new(agent, pod):
                started.append(self._start(agent, pod))
            if len(started) == replicas:
                return started
        raise TimeoutError(f"the controllers made {len(started)} pods of {agent}")

    def _is_new(self, agent: str, pod: Json) -> bool:
        metadata = pod["metadata"]
        is_taken = "nodeName" in pod["spec"] or metadata["name"] in self.running
        is_wanted = metadata["name"].rpartition("-")[0] not in self.retired
        return metadata["labels"]["app"] == agent and is_wanted and not is_taken

    def stop(self, pod: Running) -> None:
        """End a container and its pod, as after an eviction."""
        self._runc("delete", "--force", pod.name)
        self.node.cilium.detach(NAMESPACE, pod.name)
        self.node.plane.admin.delete(f"{_PODS}/{pod.name}", gracePeriodSeconds=0)
        del self.running[pod.name]
        self.retired.add(pod.name.rpartition("-")[0])

    def of(self, agent: str) -> list[Running]:
        return [pod for pod in self.running.values() if pod.agent == agent]

    def logs(self, pod: Running) -> str:
        return (pod.bundle / "log").read_text(errors="replace")

    def _start(self, agent: str, pod: Json) -> Running:
        name = pod["metadata"]["name"]
        self._bind(name)
        attached = self.node.cilium.attach(NAMESPACE, name)
        bundle = self.folder / name
        (bundle / "srv").mkdir(parents=True)
        (bundle / "srv").chmod(0o777)
        (bundle / "config.json").write_text(json.dumps(self._config(pod, attached, bundle)))
        with (bundle / "log").open("wb") as log:
            self._runc("run", "--detach", "--bundle", str(bundle), name, log=log)
        running = Running(name, agent, attached, bundle)
        self.running[name] = running
        self._report(name, attached)
        self._wait(running)
        return running

    def _bind(self, name: str) -> None:
        """What a scheduler does."""
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NAME},
        }
        bound = self.node.plane.admin.create(f"{_PODS}/{name}/binding", body)
        assert bound.status == 201, bound.message

    def _report(self, name: str, attached: Attached) -> None:
        status = {
            "phase": "Running",
            "hostIP": ADDRESS,
            "hostIPs": [{"ip": ADDRESS}],
            "podIP": attached.address,
            "podIPs": [{"ip": attached.address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        told = self.node.plane.admin.request("PATCH", f"{_PODS}/{name}/status", {"status": status})
        assert told.status == 200, told.message

    def _wait(self, pod: Running) -> None:
        """Until the agent listens; AssertionError with its log when it ended instead."""
        wait = "while ! [ -S $1/srv/control.sock ]; do [ -d /proc/$2 ] || exit 1; sleep 0.05; done"
        process = str(json.loads(self._runc("state", pod.name))["pid"])
        command = ["timeout", "60", "sh", "-c", wait, "sh", str(pod.bundle), process]
        done = subprocess.run(command, check=False)
        assert done.returncode == 0, f"{pod.name} does not listen:\n{self.logs(pod)}"

    def _runc(self, *arguments: str, log: Any = subprocess.PIPE) -> str:  # Any: a file or PIPE
        done = subprocess.run(
            ["runc", "--root", str(self.folder / "runc"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout or (Path(log.name).read_text() if log is not subprocess.PIPE else "")
        assert done.returncode == 0, f"runc {arguments[0]}: {said}"
        return done.stdout or ""

    def _config(self, pod: Json, attached: Attached, bundle: Path) -> Json:
        container = pod["spec"]["containers"][0]
        held = container.get("securityContext", {})
        user = held.get("runAsUser", 65532)
        annotations = {
            "io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.sandbox-namespace": NAMESPACE,
            "io.kubernetes.cri.sandbox-name": pod["metadata"]["name"],
            "io.kubernetes.cri.container-name": container["name"],
        }
        environment = {"PATH": "/usr/bin", "PYTHONPATH": "/agent"}
        environment |= {e["name"]: e["value"] for e in container.get("env", ())}
        network = {"type": "network", "path": str(attached.namespace)}
        return oci.configuration(
            self.rootfs,
            oci.process([*container["command"]], environment, user=user, cwd=FOLDER),
            (oci.PROC, oci.DEV, oci.TMP, oci.bind(FOLDER, bundle / "srv")),
            ("pid", "ipc", "uts", "mount", network),
            annotations=annotations,
            hostname="agent",
            seccomp=self._seccomp(held.get("seccompProfile", {})),
        )

    def _seccomp(self, profile: Mapping[str, str]) -> Json:
        if profile.get("type") != "Localhost":
            return None
        return json.loads((self.profiles / profile["localhostProfile"]).read_bytes())
