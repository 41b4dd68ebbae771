"""The agent of one node, and the CNI plug-in that gives pods their network.

The caller is in a network and a mount namespace of its own: the agent changes routes,
settings and interfaces of the one, and the BPF file system of the other.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.control_plane import ControlPlane
from tests.support.control_plane.daemon import Daemon, free_ports

POD_RANGE = "10.244.0.0/24"

# The agent lists kernel modules, and a kernel without modules has no list: it gets an empty one.
# /proc becomes a folder of links into the real one; the agent keeps the shell's process id.
_MODULES = """
set -e
real=$(mktemp -d)
mount --bind /proc $real
mount -t tmpfs none /proc
mkdir /proc/.real
mount --move $real /proc/.real
for entry in /proc/.real/*; do
  name=${entry##*/}
  case $name in [0-9]*) ;; *) ln -s .real/$name /proc/$name ;; esac
done
ln -s .real/$$ /proc/$$
: >>/proc/modules
exec "$@"
"""
_DROPS = re.compile(
    r'^cilium_drop_count_total\{direction="(\w+)",reason="Policy denied"\} (\d+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Attached:
    """A pod's network."""

    namespace: Path
    address: str


class Agent:
    """A context manager: on entry the node's datapath is there, on exit the agent has ended."""

    def __init__(
        self, plane: ControlPlane, programs: Path, folder: Path, node: str, device: str
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._plane = plane
        self._health_port, self._metrics_port = free_ports(2)
        self._socket = folder / "run" / "cilium.sock"
        (folder / "run").mkdir(parents=True)
        shutil.copytree(programs / "bpf", folder / "lib" / "bpf")
        os.environ["K8S_NODE_NAME"] = node  # the agent's only way to be told
        self._group = folder / "cgroups" / "policyc-cilium"
        self._daemon = Daemon(self._command(device), folder)

    def __enter__(self) -> Self:
        crds = self._plane.kubectl("apply", "--recursive", "-f", str(self._programs / "crds"))
        assert crds.returncode == 0, crds.stderr
        self._own_cgroup()
        self._daemon.start()
        self._daemon.wait_until(self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()
        self._group.rmdir()

    def attach(self, namespace: str, pod: str) -> Attached:
        """Make a network namespace for a pod that the API server has, and wire it (CNI ADD)."""
        name = f"{namespace}-{pod}"
        _call("ip", "netns", "add", name)
        path = Path("/var/run/netns", name)
        result = json.loads(self._plug("ADD", namespace, pod, path))
        return Attached(path, result["ips"][0]["address"].partition("/")[0])

    def detach(self, namespace: str, pod: str) -> None:
        """Undo ``attach`` (CNI DEL)."""
        name = f"{namespace}-{pod}"
        self._plug("DEL", namespace, pod, Path("/var/run/netns", name))
        _call("ip", "netns", "delete", name)

    def enforced(self) -> Mapping[str, str]:
        """Pod -> what of its policies is in the datapath: none, ingress, egress or both."""
        connection = _Unix(self._socket)
        connection.request("GET", "/v1/endpoint")
        found = json.loads(connection.getresponse().read())
        connection.close()
        return {
            e["status"]["external-identifiers"]["k8s-pod-name"]: e["status"]["policy"]["realized"][
                "policy-enabled"
            ]
            for e in found
            if e["status"]["external-identifiers"].get("k8s-pod-name")
        }

    def denied(self) -> Mapping[str, int]:
        """Direction -> packets that a policy dropped since the agent started."""
        connection = http.client.HTTPConnection("127.0.0.1", self._metrics_port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {direction.lower(): int(count) for direction, count in _DROPS.findall(text)}

    def _own_cgroup(self) -> None:
        """The agent takes off what others attached to its control group; the root's is not its own."""
        self._group.parent.mkdir()
        _call("mount", "-t", "cgroup2", "none", str(self._group.parent))
        self._group.mkdir(exist_ok=True)
        shown = self._folder / "cgroup"
        shown.mkdir()
        _call("mount", "--bind", str(self._group), str(shown))

    def _plug(self, verb: str, namespace: str, pod: str, path: Path) -> str:
        settings = {
            "cniVersion": "0.3.1",
            "name": "cilium",
            "type": "cilium-cni",
            "log-file": str(self._folder / "cni.log"),
        }
        arguments = f"IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={pod}"
        return subprocess.run(
            [self._programs / "cilium-cni"],
            env=os.environ
            | {
                "CILIUM_SOCK": str(self._socket),
                "CNI_COMMAND": verb,
                "CNI_CONTAINERID": f"{namespace}-{pod}",
                "CNI_NETNS": str(path),
                "CNI_IFNAME": "eth0",
                "CNI_PATH": str(self._programs),
                "CNI_ARGS": arguments,
            },
            input=json.dumps(settings),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._health_port, timeout=20)
        try:
            connection.request("GET", "/healthz", headers={"brief": "true"})
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _command(self, device: str) -> list[str]:
        """Pods are routed, and nothing but policies is asked of the agent: no Services, no proxy."""
        off = (
            "enable-ipv6 enable-l7-proxy enable-ipv4-masquerade kube-proxy-replacement enable-hubble"
            " enable-health-checking enable-endpoint-health-checking install-iptables-rules"
            " cni-exclusive"
        )
        return [
            *("unshare", "--mount", "sh", "-c", _MODULES, "sh", str(self._programs / "daemon")),
            f"--k8s-kubeconfig-path={self._plane.kubeconfig}",
            "--identity-allocation-mode=crd",
            "--ipam=kubernetes",
            "--routing-mode=native",
            f"--ipv4-native-routing-cidr={POD_RANGE}",
            "--enable-host-legacy-routing=true",
            f"--state-dir={self._folder / 'run'}",
            f"--lib-dir={self._folder / 'lib'}",
            f"--socket-path={self._socket}",
            f"--cgroup-root={self._folder / 'cgroup'}",
            f"--agent-health-port={self._health_port}",
            f"--prometheus-serve-addr=127.0.0.1:{self._metrics_port}",
            f"--devices={device}",
            "--write-cni-conf-when-ready=",
            *(f"--{name}=false" for name in off.split()),
        ]


class _Unix(http.client.HTTPConnection):
    """HTTP over the agent's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
