"""An independent witness: what strace saw of a program stands in the program's profile."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.containers import require
from support.recorder import losses, names, record

from recorder import tables

pytestmark = pytest.mark.system

SOURCES = Path(__file__).parent / "programs"
SCRIPT = "import hashlib, json, subprocess, threading; subprocess.run(['/bin/true']); open('made', 'w').write('x')"
SERVED = (
    "import socket, threading\n"
    "s = socket.create_server(('127.0.0.1', 0))\n"
    "t = threading.Thread(target=lambda: s.accept()[0].sendall(b'x')); t.start()\n"
    "c = socket.create_connection(s.getsockname()); c.recv(1); t.join()\n"
)
PROGRAMS: dict[str, tuple[str, ...]] = {
    "busybox": ("/bin/busybox", "sh", "-c", "ls / | head -n 2 >note; cat note /etc/hostname; rm note"),
    "shell": ("/bin/sh", "-c", "id; for i in 1 2 3; do uname -a; done | sort | uniq -c"),
    "bash": ("/bin/bash", "-c", "read -r x </etc/hostname; y=$(cat <(echo $x)); test -w . && echo ${#y}"),
    "python": ("/usr/bin/env", "python3", "-c", SCRIPT),
    "python-server": ("/usr/bin/env", "python3", "-c", SERVED),
    "perl": ("/usr/bin/perl", "-e", "fork; opendir(D, '/etc'); print scalar readdir(D); utime(1, 1, 'x')"),
    "git": ("/usr/bin/git", "init", "--quiet", "repository"),
    "compiler": ("/usr/bin/gcc", "-c", str(SOURCES / "small.c"), "-o", "small.o"),
    "find": ("/usr/bin/find", "/etc", "-maxdepth", "1", "-newer", "/etc/hostname"),
    "static": ("small-static",),
    "32-bit": ("small-32",),
    "io_uring": ("ring", "/etc/hostname", "/etc/passwd"),
}  # fmt: skip
FLAGS = {"small-static": ("-static",), "small-32": ("-static", "-m32"), "ring": ("-static",)}

# `[pid 7] openat(AT_FDCWD, "/etc/x", O_RDONLY) = 3</etc/x>`
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
_OPENED = re.compile(r" (?:open|openat|openat2|creat)\(.*= \d+<(/[^>]*)>$")
_EXEC = re.compile(r' execve\("([^"]+)".* = 0$')


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str], str]:
    def made(name: str) -> str:
        require("gcc", "strace")
        source = SOURCES / f"{name.partition('-')[0]}.c"
        subprocess.run(
            ["gcc", "-O1", *FLAGS[name], str(source), "-o", str(tmp_path / name)], check=True
        )
        return str(tmp_path / name)

    return made


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_what_strace_saw_stands_in_the_profile(
    program: str, tmp_path: Path, build: Callable[[str], str]
) -> None:
    require("strace")
    first, *rest = PROGRAMS[program]
    command = (build(first) if first in FLAGS else first, *rest)
    folder, log = tmp_path / "work", tmp_path / "log"
    folder.mkdir()
    subprocess.run(
        ["strace", "-f", "-y", "-o", str(log), *command],
        cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )  # fmt: skip
    lines = [f" {line}" for line in log.read_text(errors="replace").splitlines()]
    # In a folder of the same name, so that the same paths are found.
    shutil.rmtree(folder)
    folder.mkdir()
    spec = record(tmp_path / "out", "/usr/bin/env", "-C", str(folder), *command)
    assert losses(spec) == {}

    architecture = "386" if program == "32-bit" else "amd64"
    calls = {m[1] for line in lines if (m := _CALL.match(line.strip()))}
    calls &= set(tables.syscall_names(architecture).values())
    seen = {i["name"] for i in spec["syscalls"] if i["architecture"] == architecture}
    assert len(calls) > 3
    assert calls - {"execve"} <= seen
    files = {m[1] for line in lines if (m := _OPENED.search(line))}
    assert {_steady(path) for path in files} <= {
        _steady(path) for path in names(spec, "files", "path")
    }
    started = {m[1] for line in lines if (m := _EXEC.search(line))} - {"/proc/self/exe"}
    executables = {str(Path(path).resolve()) for path in started}
    # The kernel runs a script's interpreter, which reads the script.
    scripts = {path for path in executables if Path(path).read_bytes()[:2] == b"#!"}
    assert executables - scripts <= names(spec, "executables", "path")
    assert scripts <= names(spec, "files", "path")


def _steady(path: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"/tmp/[^/]+$|/proc/(?:\d+|<pid>)|(?<=\.git/)t\w{6}$", "*", path)


def test_files_that_a_ring_opens_are_seen_although_no_call_opens_them(
    tmp_path: Path, build: Callable[[str], str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("one", "two", "three"):
        (folder / name).write_text("x")
    ring = build("ring")
    spec = record(
        tmp_path / "out", "/usr/bin/env", "-C", str(folder), ring, str(folder / "one"), "two", "./three"
    )  # fmt: skip
    assert {str(folder / name) for name in ("one", "two", "three")} <= names(spec, "files", "path")
    assert losses(spec) == {}


def test_calls_of_32_bits_stand_as_such(tmp_path: Path, build: Callable[[str], str]) -> None:
    spec = record(tmp_path / "out", build("small-32"))
    by_architecture = {
        a: {i["name"] for i in spec["syscalls"] if i["architecture"] == a and i["phase"] == "application"}
        for a in ("386", "amd64")
    }  # fmt: skip
    # getuid32 is no call of amd64, and nothing of amd64 was called.
    assert "getuid32" in by_architecture["386"]
    assert by_architecture["amd64"] == set()
    assert "/etc/hostname" in names(spec, "files", "path")
