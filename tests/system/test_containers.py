"""Compiled seccomp profiles in real containers, under each runtime that has a start-up set."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.containers import PROCESSES, RUNTIMES, Bundle, Process, bundle

from policyc.catalog import startup

pytestmark = pytest.mark.system


@pytest.fixture(params=sorted(RUNTIMES))
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    return bundle(tmp_path, request.param)


def test_every_runtime_of_the_catalogue_is_tried() -> None:
    assert set(RUNTIMES) == set(startup.RUNTIMES)


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_without_a_profile_it_starts(container: Bundle, process: Process) -> None:
    """Else the failures below would say nothing of profiles."""
    ended = container.run(("/bin/busybox", "mkdir", "made"), None, process)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (container.rootfs / "work" / "made").is_dir()
