"""A recorder that may open few files: what it cannot attach is a loss, and all else goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.recorded_containers import template
from support.recorder import losses, names, record, watching
from support.samples import ROOT

from recorder.descriptors import RESERVE
from recorder.kernel import load
from recorder.layers import RootFileSystem
from recorder.tls import Libraries
from recorder.uprobes import FUNCTIONS

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


ATTACHING = """
import os, resource, sys
from pathlib import Path
from recorder import kernel, layers, tls
root = layers.RootFileSystem(Path("/"), is_mount=False)
libraries = tls.Libraries(kernel.load({}))
limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
for path in sys.argv[1:]:
    since = libraries.attach(Path(path), root)
    print(since == tls.NEVER, limit - len(os.listdir("/proc/self/fd")))
"""


def _copies(folder: Path) -> list[str]:
    (library,) = Path("/usr/lib").glob("*-linux-gnu/libssl.so.3")
    folder.mkdir(parents=True)
    names = (f"libssl-{place:02}.so.3" for place in range(LIBRARIES))
    return [str(shutil.copy(library, folder / name)) for name in names]


def test_no_library_gets_what_is_reserved(tmp_path: Path) -> None:
    arguments = (*FEW, sys.executable, "-c", ATTACHING, *_copies(tmp_path / "libraries"))
    told = subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ends = [line.split() for line in told.splitlines()]
    assert len(ends) == LIBRARIES
    assert ends[-1][0] == "True"
    assert int(ends[-1][1]) >= RESERVE - 2 * len(FUNCTIONS) - 1


GIVEN_BACK = """
import time
libraries_of = dict.fromkeys(map(Path, sys.argv[1:]))
for path in list(libraries_of)[:3]:
    path.unlink()
last, until = list(libraries_of)[-1], time.monotonic() + 60
while libraries.attach(last, root) == tls.NEVER and time.monotonic() < until:
    time.sleep(0.1)
print(libraries.attach(last, root) == tls.NEVER)
"""


def test_what_is_given_back_is_used(tmp_path: Path) -> None:
    libraries = _copies(tmp_path / "libraries")
    arguments = (*FEW, sys.executable, "-c", ATTACHING + GIVEN_BACK, *libraries)
    told = subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    *ends, afterwards = told.splitlines()
    assert ends[-1].split()[0] == "True"
    assert afterwards == "False"


def test_containers_are_known_when_their_libraries_cannot_be_attached(tmp_path: Path) -> None:
    bundle = template(tmp_path / "bundle", "runc")
    last = "/usr/lib/" + Path(_copies(bundle.folder / "rootfs/usr/lib")[-1]).name
    bundle.configure(("/bin/busybox", "cat", last))
    with watching(tmp_path / "out", under=FEW) as recorder:
        assert [bundle.run().returncode for _ in range(2)] == [0, 0]
        (spec,) = recorder.stop()
    assert len(spec["runs"]) == 2
    assert last in names(spec, "files", "path")
    assert losses(spec) == LOST


def _open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def _become(wanted: int) -> int:
    """How many files this process has open, once it is the number or has not become it for long."""
    until = time.monotonic() + 60
    while (found := _open_files()) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_a_library_that_is_gone_gives_back_what_it_took(tmp_path: Path) -> None:
    """One that is deleted is not gone as long as somebody runs it: an update of the system leaves many so."""
    root = RootFileSystem(Path("/"), is_mount=False)
    kept, deleted, used, *others = map(Path, _copies(tmp_path / "libraries"))
    running = [
        sys.executable,
        "-c",
        "import ctypes, sys; ctypes.CDLL(sys.argv[1]); print(); input()",
        used,
    ]
    programs = load({})
    try:
        libraries = Libraries(programs)
        with subprocess.Popen(running, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            before = _open_files()
            libraries.attach(kept, root)
            one = _open_files() - before
            for library in (deleted, used):
                libraries.attach(library, root)
            deleted.unlink()
            used.unlink()
            libraries.attach(others[0], root)
            assert _become(before + 3 * one) == before + 3 * one
            process.communicate(b"\n")
        # Without the two pipes to the process.
        libraries.attach(others[1], root)
        assert _become(before - 2 + 3 * one) == before - 2 + 3 * one
    finally:
        programs.close()
