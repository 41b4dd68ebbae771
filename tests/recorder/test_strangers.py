"""A container that no runtime accounts for may have been a replica of any workload, and profiles say so."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.rare_calls import build
from support.recorded_containers import Template, template
from support.recorder import Spec, losses, watching

from recorder import layout
from recorder.strangers import WORDS, Strangers

pytestmark = pytest.mark.system

WAIT = ("/bin/busybox", "sh", "-c", "echo here; while read x; do echo here; done")
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def _stranger(containers: Template) -> list[str]:
    """A runtime by a name that is no runtime's, which notes its containers where nobody looks."""
    runtime = containers.folder / "strange"
    found = shutil.which("runc")
    assert found is not None
    if not runtime.exists():
        shutil.copy(found, runtime)
    return [str(runtime), *containers.arguments()[1:]]


@contextmanager
def _running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, **PIPES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        yield process
        process.communicate(timeout=60)


def _service(containers: Template) -> list[str]:
    """What has a mount namespace and the machine's root, as a service of systemd."""
    del containers
    return ["unshare", "--mount", "/bin/busybox", *WAIT[1:]]


def _embedded(containers: Template) -> list[str]:
    """A runtime by a name that is no runtime's, which becomes the program itself."""
    runtime = build(containers.folder, "embedded")
    return [str(runtime), "run", "--bundle", str(containers.folder), "c1"]


def _unpacker(containers: Template) -> list[str]:
    """What takes another root without an exec, but no other namespace: images are unpacked so."""
    command = _embedded(containers)
    return [command[0], "unpack", *command[2:]]


def _sandbox(containers: Template) -> list[str]:
    file = containers.folder / "config.json"
    document = json.loads(file.read_text())
    document["annotations"] = {"io.kubernetes.cri.container-type": "sandbox"}
    file.write_text(json.dumps(document))
    return containers.arguments()


def _recorded(folder: Path, other: list[str]) -> Spec:
    """A container whose life is within the other's, and one that begins before and ends after it."""
    containers = template(folder / "bundle", "runc")
    containers.configure(WAIT)
    around, within = (containers.arguments(f"policyc-test-{name}") for name in ("around", "within"))
    with watching(folder / "out") as recorder:
        with _running(*around), _running(*other), _running(*within):
            pass
        (spec,) = recorder.stop()
    return spec


def _other(folder: Path, kind: str) -> list[str]:
    containers = template(folder / "other", "runc")
    containers.configure(WAIT)
    kinds = {
        "stranger": _stranger,
        "embedded": _embedded,
        "unpacker": _unpacker,
        "service": _service,
        "sandbox": _sandbox,
    }
    return kinds[kind](containers)


@pytest.mark.parametrize("kind", ["stranger", "embedded"])
def test_who_ran_beside_a_stranger_lacks_one(tmp_path: Path, kind: str) -> None:
    spec = _recorded(tmp_path, _other(tmp_path, kind))
    assert {run["id"] for run in spec["runs"]} == {"policyc-test-around", "policyc-test-within"}
    for run in spec["runs"]:
        assert set(run["loss"]) == {d for d, lost in run["loss"].items() if lost}
        assert WORDS in run["blind"]


@pytest.mark.parametrize("kind", ["service", "sandbox", "unpacker"])
def test_what_is_no_container_of_an_agent_is_no_loss(tmp_path: Path, kind: str) -> None:
    spec = _recorded(tmp_path, _other(tmp_path, kind))
    assert len(spec["runs"]) == 2
    assert losses(spec) == {}
    assert not any(run["blind"] for run in spec["runs"])


def test_one_that_was_there_before_the_recorder_is_no_loss(tmp_path: Path) -> None:
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "true"))
    with _running(*_other(tmp_path, "stranger")) as other, watching(tmp_path / "out") as recorder:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"x\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"here\n"
        assert containers.run().returncode == 0
        (spec,) = recorder.stop()
    assert losses(spec) == {}


SHIM, OF_INIT, OF_USER = (42, 41, 40, 1), (42, 1, 0), (42, 41, 1)
"""A process and those above it: below a shim, of the machine's first process, and of a user's service manager."""


def _made(unit: bytes, maker: bytes, pids: tuple[int, ...], id_: int = 1) -> layout.Subject:
    above = (ctypes.c_uint32 * layout.ANCESTORS)(*pids)
    return layout.Subject(id=id_, has_own_root=1, unit=unit, maker=maker, pids=above)


@pytest.mark.parametrize(
    ("unit", "maker", "pids", "is_one"),
    [
        # By the cgroup that cgroup v2 names.
        (b"cri-containerd-0a1b.scope", b"runc:[2:INIT]", SHIM, True),
        (b"libpod-payload-0a1b", b"crun", SHIM, True),
        (b"payload", b"systemd-nspawn", OF_USER, True),
        (b"snap.agent.service", b"snap-exec", SHIM, False),
        (b"snap.firefox.firefox-0a1b.scope", b"snap-exec", SHIM, False),
        (b"portable.service", b"portable", SHIM, False),
        (b"agent@" + b"x" * (255 - 14) + b".service", b"agent", SHIM, False),
        # The service's own cgroup is the one above (DelegateSubgroup=).
        (b"supervisor", b"(portable)", OF_INIT, False),
        (b"udev", b"(ystemd-udevd)", OF_INIT, False),
        # Where cgroup v1 alone has names.
        (b"", b"runc:[2:INIT]", SHIM, True),
        (b"", b"(portable)", OF_INIT, False),
        (b"", b"(...)", OF_USER, False),
        (b"", b"snap-confine", SHIM, False),
        (b"", b"virtiofsd", SHIM, False),
        # No service manager is above it, or it is none that begins a service.
        (b"", b"(portable)", SHIM, True),
        (b"", b"portable", OF_INIT, True),
    ],
)
def test_containers_and_services(
    unit: bytes, maker: bytes, pids: tuple[int, ...], *, is_one: bool
) -> None:
    assert _met(_made(unit, maker, pids)) == is_one


def _met(*subjects: layout.Subject) -> int:
    """How many of these, all of one mount namespace, are containers."""
    strangers = Strangers()
    for subject in subjects:
        strangers.add(subject, 5)
    strangers.judge({subject.id: subject for subject in subjects}.__getitem__)
    return strangers.met


def test_what_has_the_root_of_the_machine_is_no_container() -> None:
    assert _met(layout.Subject(id=1, unit=b"cri-containerd-0a1b.scope")) == 0


def test_a_service_that_goes_into_another_cgroup_is_a_service() -> None:
    assert _met(_made(b"", b"(portable)", OF_INIT), _made(b"workers", b"portable", SHIM, 2)) == 0


def test_what_begins_in_the_cgroup_of_a_service_is_a_container_elsewhere() -> None:
    begun = _made(b"docker.service", b"runtime", SHIM)
    assert _met(begun, _made(b"0a1b", b"runtime", SHIM, 2)) == 1


def test_who_begins_after_its_end_lacks_nothing() -> None:
    strangers = Strangers()
    one, other = (layout.Subject(id=id_, has_own_root=1) for id_ in (1, 2))
    for subject in (one, other):
        strangers.add(subject, subject.id)
    strangers.judge({1: one, 2: other}.__getitem__)
    strangers.remove([1])
    assert (strangers.met, strangers.gone) == (2, 1)
