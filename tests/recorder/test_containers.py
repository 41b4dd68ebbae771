"""The recorder beside real containers: what is set-up, who it was, and that nothing is lost."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.containers import RUNTIMES
from support.rare_calls import NUMBERS, build
from support.recorded_containers import CONTAINER, WORKLOAD, Template, template
from support.recorder import Spec, losses, names, watching

from policyc.catalog.setup_only import SETUP_ONLY
from recorder.profile import join

pytestmark = pytest.mark.system

RARE = ("sysfs", "ustat", "kcmp", "bdflush", "io_cancel")
"""Calls that nothing makes by itself (bdflush: 32-bit only)."""
AT_ONCE = 32
ROUNDS = 3


@pytest.fixture(params=sorted(RUNTIMES))
def containers(request: pytest.FixtureRequest, tmp_path: Path) -> Template:
    return template(tmp_path / "bundle", request.param)


@pytest.fixture(scope="session")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("programs"), "rare")


def _only(specs: list[Spec]) -> Spec:
    (spec,) = specs
    return spec


def test_set_up_is_kept_apart_and_the_workload_is_known(
    containers: Template, tmp_path: Path
) -> None:
    containers.configure(("/bin/busybox", "sh", "-c", "echo hello >note; ls /proc/self; exit 0"))
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        assert ended.returncode == 0, ended.stderr
        spec = _only(recorder.stop())
    assert spec["workload"] == {
        **dict(zip(("apiVersion", "kind", "namespace", "name"), WORKLOAD.rsplit("/", 3), strict=True)),
        "container": CONTAINER,
    }  # fmt: skip
    assert {"mount", "pivot_root", "execve"} <= names(spec, "syscalls", phase="setup")
    assert not names(spec, "syscalls") & (SETUP_ONLY | {"mount", "pivot_root", "umount2"})
    assert {"clone", "wait4", "write", "getdents64"} <= names(spec, "syscalls")
    assert "/srv/note" in names(spec, "files", "path")
    assert names(spec, "executables", "path") == {"/bin/busybox"}
    assert [run["coverage"] for run in spec["runs"]] == ["from-creation"]
    assert losses(spec) == {}


@pytest.mark.parametrize("program", ["pretender", "liar"])
def test_a_program_in_a_container_is_no_runtime(
    containers: Template, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, program: str
) -> None:
    """Whatever its name and wherever it goes, it says of no other workload what that would do."""
    pretender = build(tmp_path_factory.mktemp("pretender"), program)
    shutil.copy(pretender, containers.folder / "rootfs/bin/runc")
    named = {"policyc.dev/workload": "apps/v1/Deployment/payments/ledger"}
    (containers.folder / "rootfs/srv/config.json").write_text(json.dumps({"annotations": named}))
    command = "cd /srv; runc create --bundle /srv x; echo $?"
    containers.configure(("/bin/busybox", "sh", "-c", command))
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        assert ended.stdout.split() == [b"0"], (ended.stdout, ended.stderr)
        spec = _only(recorder.stop())
    assert not list((tmp_path / "out").glob("*ledger*"))
    # What it did there, it did as the container.
    assert "/bin/busybox" in names(spec, "executables", "path")
    assert len(spec["runs"]) == 1


def test_a_container_that_was_there_before_is_attached_late(
    containers: Template, tmp_path: Path
) -> None:
    if containers.runtime == "crun":
        containers = template(
            tmp_path / "runc", "runc"
        )  # crun here has a mount namespace of its own
    containers.configure(("/bin/busybox", "sh", "-c", "echo here; read x; echo $x >note"))
    state = containers.folder / "state"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(containers.arguments(), **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        with watching(tmp_path / "out", "--state-root", str(state)) as recorder:
            process.communicate(b"late\n", timeout=60)
            spec = _only(recorder.stop())
    assert [run["coverage"] for run in spec["runs"]] == ["attached-late"]
    assert "/srv/note" in names(spec, "files", "path")


def test_calls_that_seccomp_refuses_or_kills_for_are_seen(
    containers: Template, tmp_path: Path, rare: Path
) -> None:
    program = containers.install(rare)
    refusing = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["sysfs"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["ustat"], "action": "SCMP_ACT_KILL_PROCESS"},
        ],
    }
    calls = (word for name in ("sysfs", "ustat") for word in ("0", str(NUMBERS[name])))
    containers.configure((program, *calls), refusing)
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        spec = _only(recorder.stop())
    assert ended.returncode != 0
    denied = {item["name"] for item in spec["syscalls"] if item.get("denied")}
    made = {item["name"] for item in spec["syscalls"] if not item.get("denied")}
    assert denied == {"sysfs", "ustat"}
    assert not denied & made
    assert {"write", "execve"} <= made
    assert losses(spec) == {}


def _started(containers: Template) -> Iterator[int]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ended in pool.map(lambda _: containers.run(), range(AT_ONCE * ROUNDS)):
            yield ended.returncode


def test_replicas_that_come_and_go_lose_nothing_and_are_one_profile(
    tmp_path: Path, rare: Path
) -> None:
    containers = template(tmp_path / "bundle", "runc")
    calls = [name for name in RARE if name in NUMBERS]
    # At the first moment, and at others that no reader's rhythm knows.
    times = ("0", "1", "30", "70")
    words = (
        w for pair in zip(times, calls, strict=False) for w in (pair[0], str(NUMBERS[pair[1]]))
    )
    containers.configure((containers.install(rare), *words))
    with watching(tmp_path / "out") as recorder:
        assert set(_started(containers)) == {0}
        spec = _only(recorder.stop())
    assert losses(spec) == {}
    runs = {run["id"] for run in spec["runs"]}
    assert len(runs) == AT_ONCE * ROUNDS
    for name in calls:
        (item,) = (i for i in spec["syscalls"] if i["name"] == name and i["phase"] == "application")
        assert set(item["runs"]) == runs
    assert {run["coverage"] for run in spec["runs"]} == {"from-creation"}


def test_who_came_and_went_while_the_recorder_stood_still_is_known(
    containers: Template, tmp_path: Path
) -> None:
    """Nothing of it is left in /proc by then, nor of a runtime in a mount namespace of its own."""
    containers.configure(("/bin/busybox", "true"))
    with watching(tmp_path / "out") as recorder:
        recorder.process.send_signal(signal.SIGSTOP)
        ended = containers.run()
        recorder.process.send_signal(signal.SIGCONT)
        assert ended.returncode == 0, ended.stderr
        spec = _only(recorder.stop())
    assert spec["workload"]["name"] == WORKLOAD.rpartition("/")[2]
    assert [run["coverage"] for run in spec["runs"]] == ["from-creation"]
    assert losses(spec) == {}


def test_the_join_of_the_join_is_the_file(containers: Template, tmp_path: Path) -> None:
    containers.configure(("/bin/busybox", "true"))
    with watching(tmp_path / "out") as recorder:
        for _ in range(3):
            assert containers.run().returncode == 0
        spec = _only(recorder.stop())
    head = {"apiVersion": "policyc.dev/v1", "kind": "AgentProfile", "metadata": {"name": "x"}}
    assert join([{**head, "spec": spec}, {**head, "spec": spec}])["spec"] == spec
    assert len(spec["runs"]) == 3
