"""A node as clusters have it: the kubelet, containerd and runc, under a real API server.

What a cluster has besides is made here: pods reach the API server at its Service's address by one rule of
iptables, and ``bind`` is the scheduler.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.control_plane import ControlPlane
from support.control_plane.daemon import Daemon
from support.control_plane.plane import API_SERVICE
from support.control_plane.programs import find

Json = Any  # objects of the API
NAME = "node"
ADDRESS = "203.0.113.1"
"""Of a range for documentation (RFC 5737); the namespace that the test runs in has no other network."""
WAIT_SECONDS = 180
"""A kubelet that starts beside other tests needs some time."""
POD_RANGE = "10.88.0.0/24"
KEPT = "/var/lib/policyc-recorder"
"""Where the DaemonSet keeps profiles on a node."""
PAUSE = "policyc.test/pause:1"
_WRITTEN = ("/run/netns", "/run/containerd", "/var/lib/cni", "/var/log/containers")
"""Where containerd, CNI and the kubelet write whatever they are told."""
_CNI_PROGRAMS = Path("/usr/lib/cni")  # Debian's containernetworking-plugins
_CONTAINERD = """version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # This machine has the controllers of cgroups in hierarchies of the first version.
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_programs}"
    conf_dir = "{folder}/cni"
"""


@dataclass(frozen=True, slots=True)
class Node:
    """It is ready, and runs what is bound to it."""

    plane: ControlPlane
    folder: Path

    @property
    def seccomp(self) -> Path:
        """The folder of the seccomp profiles that pods name as `localhostProfile`."""
        return self.folder / "kubelet" / "seccomp"

    def load(self, archive: Path) -> None:
        """Put the images of an OCI archive into containerd's store."""
        _ctr(self.folder, "images", "import", str(archive))

    def start(self, namespace: str, labels: Mapping[str, str], count: int) -> None:
        """Give so many waiting pods with these labels to this node, as a scheduler would; until they are ready."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        names: set[str] = set()
        for _ in range(count):
            pod = self.plane.admin.first(
                path, lambda p: _is_waiting(p, labels, names), seconds=WAIT_SECONDS
            )
            name = pod["metadata"]["name"]
            names.add(name)
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": NAME},
            }
            answer = self.plane.admin.create(f"{path}/{name}/binding", binding)
            assert answer.status == 201, answer.message
        ready: set[str] = set()
        while ready != names:
            try:
                pod = self.plane.admin.first(
                    path, lambda p: _is_ready_of(p, names - ready), seconds=WAIT_SECONDS
                )
            except TimeoutError as error:
                raise TimeoutError(f"{error}; its containers said:\n{self._said()}") from error
            ready.add(pod["metadata"]["name"])

    def _said(self) -> str:
        """The end of each container's log."""
        logs = sorted((self.folder / "logs").rglob("*.log"))
        return "\n".join(f"{log.parent.name}: {log.read_text()[-1000:]}" for log in logs)


def is_ready(found: Json) -> bool:
    """Whether a pod or node says so."""
    conditions = found["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _is_ready_of(pod: Json, names: AbstractSet[str]) -> bool:
    return pod["metadata"]["name"] in names and is_ready(pod)


def _is_waiting(pod: Json, labels: Mapping[str, str], taken: AbstractSet[str]) -> bool:
    metadata = pod["metadata"]
    is_meant = labels.items() <= metadata.get("labels", {}).items()
    return is_meant and metadata["name"] not in taken and not pod["spec"].get("nodeName")


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Everything runs; the caller has a network and a mount namespace that it may spoil."""
    _mounts()
    _network()
    with ExitStack() as stack:
        plane = stack.enter_context(
            ControlPlane(
                folder / "plane", api_server_flags=("--enable-admission-plugins=NodeRestriction",)
            )
        )
        _reach(plane)
        stack.enter_context(_containerd(folder))
        stack.enter_context(_kubelet(plane, folder))
        started = Node(plane, folder)
        plane.admin.first("/api/v1/nodes", is_ready, seconds=WAIT_SECONDS)
        yield started


def _mounts() -> None:
    """As systemd leaves them: shared, and cgroups of the second version alone."""
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
    for path in (*_WRITTEN, KEPT):
        Path(path).mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "none", path)


def _network() -> None:
    """A namespace whose only network is its pods'."""
    for setting in ("ip_forward", "conf/all/route_localnet"):
        Path("/proc/sys/net/ipv4", setting).write_text("1")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "node0", "type", "bridge")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "node0")
    run("ip", "link", "set", "node0", "up")


def _reach(plane: ControlPlane) -> None:
    """What kube-proxy would do for the Service `default/kubernetes`."""
    host, port = plane.address
    rule = ("-d", API_SERVICE, "-p", "tcp", "--dport", "443", "-j", "DNAT")
    run("iptables-legacy", "-t", "nat", "-A", "PREROUTING", *rule, "--to", f"{host}:{port}")


@contextmanager
def _containerd(folder: Path) -> Iterator[None]:
    socket = folder / "containerd.sock"
    (folder / "cni").mkdir()
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_RANGE}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(folder / "addresses"),
        },
    }
    network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (folder / "cni" / "pods.conflist").write_text(json.dumps(network))
    (folder / "containerd.toml").write_text(
        _CONTAINERD.format(folder=folder, socket=socket, pause=PAUSE, cni_programs=_CNI_PROGRAMS)
    )
    daemon = Daemon(
        ["containerd", f"--config={folder / 'containerd.toml'}"],
        folder,
    )
    daemon.start()
    try:
        daemon.wait_until(socket.exists)
        yield
    finally:
        # A sandbox's shim ends with its sandbox, which takes its containers along.
        for container in _ctr(folder, "containers", "list", "--quiet").split():
            with suppress(subprocess.CalledProcessError):
                _ctr(folder, "tasks", "delete", "--force", container)
        daemon.stop()


@contextmanager
def _kubelet(plane: ControlPlane, folder: Path) -> Iterator[None]:
    serving = plane.authority.issue("kubelet", NAME, hosts=(ADDRESS,))
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(plane.authority.certificate)},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "localStorageCapacityIsolation": False,
        "podLogsDir": str(folder / "logs"),
        "volumePluginDir": str(folder / "plugins"),
    }
    (folder / "kubelet.json").write_text(json.dumps(config))
    kubeconfig = plane.kubeconfig_of(f"system:node:{NAME}", ("system:nodes",))
    daemon = Daemon(
        [
            str(find("kubelet", os.environ)),
            f"--config={folder / 'kubelet.json'}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-pki'}",
            f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
        ],
        folder,
    )
    daemon.start()
    try:
        yield
    finally:
        daemon.stop()


def run(*command: str) -> str:
    """What a program prints; CalledProcessError when it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _ctr(folder: Path, *arguments: str) -> str:
    return run("ctr", f"--address={folder / 'containerd.sock'}", "--namespace=k8s.io", *arguments)
