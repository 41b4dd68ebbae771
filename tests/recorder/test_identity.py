"""Which container a namespace is, from command lines, annotations and state files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from recorder.identity import Call, Container, Host, Started, container_of, parse
from recorder.profile import Workload

OURS = {
    "policyc.dev/workload": "apps/v1/Deployment/support/triage",
    "policyc.dev/container": "agent",
}
TRIAGE = Workload("apps/v1", "Deployment", "support", "triage", "agent")


@pytest.mark.parametrize(
    "line, call",
    [
        ("runc run --bundle /b c1", Call("runc", "c1", "/b")),
        ("/usr/bin/runc --root /r run -d -b /b c1", Call("runc", "c1", "/b")),
        ("runc --root=/r create --bundle=/b --pid-file /p c1", Call("runc", "c1", "/b")),
        ("crun --cgroup-manager=disabled run c1", Call("crun", "c1", "")),
        ("runsc --root /r create --bundle /b c1", Call("runsc", "c1", "/b")),
        ("runc init", None),
        ("runc exec c1 run", None),
        ("runc state run", None),
        ("docker run c1", None),
        ("", None),
    ],
)
def test_command_lines(line: str, call: Call | None) -> None:
    assert parse(line.split()) == call


@pytest.mark.parametrize(
    "annotations, found",
    [
        (OURS, Container("c1", "runc", TRIAGE)),
        (
            {
                "io.kubernetes.cri.container-type": "container",
                "io.kubernetes.cri.sandbox-namespace": "support",
                "io.kubernetes.cri.sandbox-name": "triage-5d9c-x2x",
                "io.kubernetes.cri.container-name": "agent",
            },
            Container("c1", "runc", Workload("v1", "Pod", "support", "triage-5d9c-x2x", "agent"), pod=True),
        ),
        (
            {
                "io.kubernetes.cri-o.ContainerType": "container",
                "io.kubernetes.pod.namespace": "support",
                "io.kubernetes.pod.name": "triage-0",
                "io.kubernetes.container.name": "agent",
            },
            Container("c1", "runc", Workload("v1", "Pod", "support", "triage-0", "agent"), pod=True),
        ),
        ({"io.kubernetes.cri.container-type": "sandbox"}, Container("c1", "runc", Workload("v1", "Pod", "", "", ""), is_sandbox=True)),
        ({"policyc.dev/workload": "triage"}, Container("c1", "runc", Workload("v1", "Pod", "default", "c1", "c1"))),
        ({}, Container("c1", "runc", Workload("v1", "Pod", "default", "c1", "c1"))),
    ],
)  # fmt: skip
def test_annotations(annotations: dict[str, str], found: Container | None) -> None:
    assert container_of("c1", "runc", annotations) == found


ANCESTORS = ((11, 0), (10, 0), (1, 0))


class _Machine:
    """A host's /proc and / below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = Host(root / "proc", root)
        self.process(1, "init")

    def process(self, pid: int, *arguments: str, outside: bool = False) -> int:
        """The inode number of its mount namespace: one of its own, or that of the machine."""
        folder = self.root / "proc" / str(pid)
        (folder / "ns").mkdir(parents=True)
        if outside:
            (folder / "ns/mnt").hardlink_to(self.root / "proc/1/ns/mnt")
        else:
            (folder / "ns/mnt").write_text("")
        (folder / "root").symlink_to(self.root)
        (folder / "cwd").symlink_to(self.root)
        (folder / "cmdline").write_bytes("\0".join(arguments).encode() + b"\0")
        return (folder / "ns/mnt").stat().st_ino

    def file(self, name: str, content: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def test_the_runtime_that_is_starting_it(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    machine.process(10, "runc", "run", "--bundle", "/b", "c1", outside=True)
    machine.process(11, "runc", "init")
    machine.file("b/config.json", {"annotations": OURS})
    assert machine.host.container(ANCESTORS, {}, 5, 9) == Container("c1", "runc", TRIAGE)


def test_a_program_of_a_runtime_s_name_elsewhere_is_none(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    machine.process(10, "runc", "run", "--bundle", "/b", "c1")
    machine.file("b/config.json", {"annotations": OURS})
    assert machine.host.container(ANCESTORS, {}, 5, 9) is None


def test_who_has_the_number_of_a_runtime_that_is_gone_is_none(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    machine.file("b/config.json", {"annotations": OURS})
    seen = {10: Started(("crun", "run", "--bundle", "/b", "c1"), "/", at_ns=5)}
    assert machine.host.container(((10, 6), (1, 0)), seen, 5, 9) is None
    assert machine.host.container(((10, 4), (1, 0)), seen, 5, 9) is not None


def test_a_pipe_in_the_place_of_a_bundle_s_file_is_nothing(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    machine.process(10, "runc", "run", "--bundle", "/b", "c1", outside=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b/config.json")
    assert machine.host.container(ANCESTORS, {}, 5, 9) is None


@pytest.mark.parametrize(
    "arguments, folder", [(("crun", "run", "c1"), "/b"), (("crun", "run", "-b", "b", "c1"), "/")]
)
def test_the_runtime_that_the_kernel_saw_and_that_is_gone(
    tmp_path: Path, arguments: tuple[str, ...], folder: str
) -> None:
    machine = _Machine(tmp_path)
    machine.file("b/config.json", {"annotations": OURS})
    seen = {10: Started(arguments, folder)}
    assert machine.host.container(ANCESTORS, seen, 5, 9) == Container("c1", "crun", TRIAGE)


@pytest.mark.parametrize("name", ["runc/c1/state.json", "crun/c1/status"])
def test_the_state_of_one_that_was_there_before(tmp_path: Path, name: str) -> None:
    machine = _Machine(tmp_path)
    inum = machine.process(12, "agent")
    machine.process(13, "other")
    machine.file("b/config.json", {"annotations": OURS})
    machine.file("run/runc/c0/state.json", {"init_process_pid": 13})
    pid = "init_process_pid" if "runc" in name else "pid"
    labels = {"config": {"labels": ["bundle=/b"]}} if "runc" in name else {"bundle": "/b"}
    machine.file(f"run/{name}", {pid: 12, **labels})
    runtime = name.partition("/")[0]
    assert machine.host.container(((12, 0), (1, 0)), {}, inum, 9) == Container(
        "c1", runtime, TRIAGE
    )
    assert machine.host.present()[inum] == Container("c1", runtime, TRIAGE)


def test_the_namespace_of_a_runtime_itself_is_no_container(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    inum = machine.process(10, "crun", "run", "--bundle", "/b", "c1")
    machine.file("b/config.json", {"annotations": OURS})
    assert machine.host.container(((10, 0), (1, 0)), {}, inum, 9) is None
    # A child of it goes into the container's cgroup first.
    seen = {10: Started(("crun", "run", "--bundle", "/b", "c1"), "/", at_ns=8, mntns=inum)}
    assert machine.host.container(((11, 9), (10, 0), (1, 0)), seen, inum, 9) is None
    # It was exec'd in a namespace that was there before.
    seen = {10: Started(("crun", "run", "--bundle", "/b", "c1"), "/", at_ns=10)}
    assert machine.host.container(((10, 0), (1, 0)), seen, inum, 9) is None
    assert machine.host.container(((10, 0), (1, 0)), seen, 5, 11) == Container("c1", "crun", TRIAGE)


def test_what_vanishes_is_nobody(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    machine.file("run/runc/c1/state.json", {"init_process_pid": 12})
    (tmp_path / "run/runc/c2").mkdir()
    (tmp_path / "run/runc/c2/state.json").write_text('{"init_pro')
    assert machine.host.container(((12, 0), (1, 0)), {}, 5, 9) is None
    assert machine.host.present() == {}
