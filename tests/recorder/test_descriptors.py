"""A recorder that may open few files: what it cannot attach is a loss, and all else goes on."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.recorded_containers import template
from support.recorder import losses, names, record, watching

pytestmark = pytest.mark.system

FEW = ("prlimit", "--nofile=420")
"""More than the recorder's own, and the reserve is reached after at most a few libraries."""
LIBRARIES = 40
LOST = {"models": 2, "tools": 2}


def test_what_is_allowed_is_taken_and_the_program_has_what_it_had(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"ulimit -S -n >{told}; ulimit -H -n >>{told}; {sys.executable} -c 'import ssl'"
    under = ("prlimit", "--nofile=30:4000")
    spec = record(tmp_path / "out", "/bin/sh", "-c", script, under=under)
    assert told.read_text().split() == ["30", "4000"]
    assert losses(spec) == {}


def test_containers_are_known_when_their_libraries_cannot_be_attached(tmp_path: Path) -> None:
    bundle = template(tmp_path / "bundle", "runc")
    folder = bundle.folder / "rootfs/usr/lib"
    folder.mkdir(parents=True)
    (library,) = Path("/usr/lib").glob("*-linux-gnu/libssl.so.3")
    for place in range(LIBRARIES):
        shutil.copy(library, folder / f"libssl-{place:02}.so.3")
    last = f"/usr/lib/libssl-{LIBRARIES - 1}.so.3"
    bundle.configure(("/bin/busybox", "cat", last))
    with watching(tmp_path / "out", under=FEW) as recorder:
        assert [bundle.run().returncode for _ in range(2)] == [0, 0]
        (spec,) = recorder.stop()
    assert len(spec["runs"]) == 2
    assert last in names(spec, "files", "path")
    assert losses(spec) == LOST
