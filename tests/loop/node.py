"""A node in a network namespace: an API server, Cilium, and the world behind a cable."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cilium import Agent, find
from tests.support.cilium.agent import POD_RANGE
from tests.support.control_plane import ControlPlane
from tests.support.control_plane.daemon import Daemon
from tests.support.control_plane.pki import Authority

NAME = "node"
ADDRESS = "203.0.113.1"
PORT = 8443
WORLD = {
    "model.loop.example": "203.0.113.10",
    "mcp.loop.example": "203.0.113.11",
    "elsewhere.loop.example": "203.0.113.12",
}
"""Servers outside of the cluster, by name; in a range for documentation (RFC 5737), which is nobody's and not private."""

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Node:
    """``authority`` signed the certificates of the world's servers."""

    plane: ControlPlane
    cilium: Agent
    authority: Path


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Everything runs; the caller has a network and a mount namespace that it may spoil."""
    _network()
    authority = Authority(folder / "world", "world")
    with ExitStack() as stack:
        for name, address in WORLD.items():
            server = _server(folder / "world", authority, name, address)
            server.start()
            stack.callback(server.stop)
        plane = stack.enter_context(ControlPlane(folder / "plane"))
        _register(plane)
        agent = Agent(plane, find(os.environ), folder / "cilium", NAME, "cable0")
        yield Node(plane, stack.enter_context(agent), authority.certificate)


def _network() -> None:
    """The node's own end of the cable, and the world's, which knows the way to the pods."""
    Path("/run/netns").mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "none", "/run/netns")
    # Several may lie on each other.
    _run("sh", "-c", "while umount /sys/fs/bpf 2>/dev/null; do :; done")
    _run("mount", "-t", "bpf", "none", "/sys/fs/bpf")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    _run("ip", "netns", "add", "world")
    _run("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", "world")
    _run("ip", "address", "add", f"{ADDRESS}/24", "dev", "cable0")
    for device in ("lo", "cable0"):
        _run("ip", "link", "set", device, "up")
    inside = ("ip", "-netns", "world")
    for address in WORLD.values():
        _run(*inside, "address", "add", f"{address}/24", "dev", "cable1")
    for device in ("lo", "cable1"):
        _run(*inside, "link", "set", device, "up")
    _run(*inside, "route", "add", POD_RANGE, "via", ADDRESS)


def _server(folder: Path, authority: Authority, name: str, address: str) -> Daemon:
    held = authority.issue(name, name, hosts=(name,))
    (folder / name).mkdir()
    module = ("-m", "tests.loop.servers", str(held.certificate), str(held.key), address, str(PORT))
    environment = ("env", f"PYTHONPATH={_ROOT}")
    command = [*environment, *("ip", "netns", "exec", "world"), sys.executable, *module]
    return Daemon(command, folder / name)


def _register(plane: ControlPlane) -> None:
    """The Node object, as a kubelet would make it."""
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME},
        "spec": {"podCIDR": POD_RANGE, "podCIDRs": [POD_RANGE]},
    }
    made = plane.admin.create("/api/v1/nodes", body)
    assert made.status == 201, made.message
    addresses = [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": NAME}]
    told = plane.admin.request(
        "PATCH", f"/api/v1/nodes/{NAME}/status", {"status": {"addresses": addresses}}
    )
    assert told.status == 200, told.message


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
