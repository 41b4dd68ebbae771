"""The control plane of the tests: its pins agree, its programs are found, its faults are told."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from support.control_plane.daemon import Daemon, DaemonError
from support.control_plane.programs import BUILT, MODULE, MissingProgramError, cache, find, version


def test_all_of_kubernetes_is_of_one_version() -> None:
    """k8s.io/X v0.MINOR.PATCH is published from the tree of v1.MINOR.PATCH."""
    module = (MODULE / "go.mod").read_text()
    staging = re.findall(r"^\t(\S+) => (\S+) (v\S+)$", module, re.MULTILINE)
    assert len(staging) > 30
    for name, replacement, pinned in staging:
        assert name == replacement
        assert pinned == version().replace("v1.", "v0.", 1), name
    for name in BUILT:
        assert f"\tk8s.io/kubernetes/cmd/{name}\n" in module


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.touch(mode=0o755)
    return path


def test_the_assets_folder_wins_over_the_cache(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    built = {name: program(cache(environment), name) for name in BUILT}
    etcd = program(tmp_path / "bin", "etcd")
    assert {name: find(name, environment) for name in BUILT} == built
    assert find("etcd", environment) == etcd
    environment["KUBEBUILDER_ASSETS"] = str(tmp_path / "assets")
    given = {name: program(tmp_path / "assets", name) for name in ("kubectl", "etcd")}
    assert {name: find(name, environment) for name in given} == given
    with pytest.raises(MissingProgramError, match="KUBEBUILDER_ASSETS"):
        find("kube-apiserver", environment)


def test_a_missing_program_says_what_brings_it(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)}
    with pytest.raises(MissingProgramError, match="make control-plane"):
        find("kube-apiserver", environment)
    with pytest.raises(MissingProgramError, match="etcd-server"):
        find("etcd", environment)


def test_a_daemon_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    daemon = Daemon(["sh", "-c", "echo no such certificate >&2; exit 3"], tmp_path)
    daemon.start()
    with pytest.raises(DaemonError, match=r"(?s)sh ended with 3.*no such certificate"):
        daemon.wait_until(lambda: False)
    assert not daemon.is_running


def test_a_daemon_that_never_becomes_ready_is_reported_and_can_be_stopped(tmp_path: Path) -> None:
    daemon = Daemon(["sh", "-c", "exec cat /dev/zero > /dev/null"], tmp_path)
    daemon.start()
    with pytest.raises(DaemonError, match="not ready after 0 s"):
        daemon.wait_until(lambda: False, seconds=0)
    assert daemon.is_running
    daemon.stop()
    assert not daemon.is_running


def test_daemons_end_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    """The daemon alone holds the other end of the pipe: the pipe ends when the daemon does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = (
        "import sys; from pathlib import Path; from support.control_plane.daemon import Daemon;"
        f"Daemon(['sh', '-c', 'exec tail -f /dev/null > {pipe}'], Path({str(tmp_path)!r})).start();"
        "sys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with (
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, env=environment
        ) as run,
        pipe.open("rb") as end,
    ):
        run.kill()
        ended, _, _ = select.select([end], [], [], 60)
        assert ended and end.read() == b""
