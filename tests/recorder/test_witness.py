"""Independent witnesses: what strace, ss, a resolver and a TLS server saw of a program stands in its profile."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from support import strace
from support.containers import require
from support.internet import NAMES, SECURE, Internet, Peer, internet
from support.recorder import PORT, Spec, losses, names, record

from recorder import tables

pytestmark = pytest.mark.system

SOURCES = Path(__file__).parent / "programs"
SCRIPT = "import hashlib, json, subprocess, threading; subprocess.run(['/bin/true']); open('made', 'w').write('x')"
SERVED = (
    "import socket, threading\n"
    "s = socket.create_server(('127.0.0.1', PORT))\n"
    "t = threading.Thread(target=lambda: s.accept()[0].sendall(b'x')); t.start()\n"
    "c = socket.create_connection(s.getsockname()); c.recv(1); t.join()\n"
)
FETCHED = (
    "import ssl, sys, urllib.request\n"
    "context = ssl._create_unverified_context()\n"
    "for url in sys.argv[1:]: urllib.request.urlopen(url, context=context).read()\n"
)
REDIS = (
    "redis-server --port $0 --save '' --unixsocket here & "
    "until redis-cli -s here ping; do :; done; "
    "redis-cli -p $0 set key value; redis-cli -p $0 get key; redis-cli -p $0 shutdown nosave; wait"
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
    "redis": ("/bin/sh", "-c", REDIS, "PORT"),
    "static": ("small-static",),
    "32-bit": ("small-32",),
    "io_uring": ("ring", "/etc/hostname", "/etc/passwd"),
}  # fmt: skip
FETCHING: dict[str, tuple[str, ...]] = {
    "busybox-wget": ("/bin/busybox", "wget", "-q", "-O", "page", "PLAIN/page"),
    "curl": ("/usr/bin/curl", "--silent", "--insecure", "PLAIN/page", "SECURE/page"),
    "git-clone": ("/usr/bin/git", "-c", "http.sslVerify=false", "clone", "--quiet", "SECURE/there.git", "here"),
    "go": ("fetch-go", "PLAIN/page", "SECURE/page"),
    "node": ("/usr/bin/env", "node", str(SOURCES / "fetch.js"), "PLAIN/page", "SECURE/page"),
    "python-urllib": ("/usr/bin/env", "python3", "-c", FETCHED, "PLAIN/page", "SECURE/page"),
}  # fmt: skip
"""Programs that ask a resolver, a web server and one behind TLS."""
FLAGS = {"small-static": ("-static",), "small-32": ("-static", "-m32"), "ring": ("-static",)}
GO = frozenset({"fetch-go"})
SERVERS = frozenset({"python-server", "redis"})


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str], str]:
    def made(name: str) -> str:
        path = tmp_path / name
        if name == "fetch-go":
            require("go")
            subprocess.run(
                ["go", "build", "-trimpath", "-o", str(path), str(SOURCES / "fetch.go")],
                check=True, env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            )  # fmt: skip
        else:
            require("gcc")
            source = SOURCES / f"{name.partition('-')[0]}.c"
            subprocess.run(["gcc", "-O1", *FLAGS[name], str(source), "-o", str(path)], check=True)
        return str(path)

    return made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """An internet with a page and a repository."""
    require("git")
    folder = tmp_path_factory.mktemp("internet") / "served"
    folder.mkdir()
    (folder / "page").write_text("x")
    git = ("git", "-C", str(folder))
    subprocess.run([*git, "init", "--quiet", "--bare", "there.git"], check=True)
    subprocess.run([*git, "--git-dir", "there.git", "update-server-info"], check=True)
    with internet(folder) as made:
        yield made


def _witnessed(
    tmp_path: Path, *command: str, options: Sequence[str] = ()
) -> tuple[strace.Seen, Spec]:
    """What strace, around the recorder, saw of the command in the very run that was recorded."""
    log = tmp_path / "log"
    spec = record(tmp_path / "out", *command, options=options, under=strace.under(log))
    return strace.read(log), spec


def _within(folder: Path) -> tuple[str, ...]:
    folder.mkdir()
    return ("/usr/bin/env", "-C", str(folder))


def _holds(spec: Spec, seen: strace.Seen, architecture: str = "amd64") -> None:
    """Everything that strace saw stands in the profile."""
    assert losses(spec) == {}
    calls = seen.calls & set(tables.syscall_names(architecture).values())
    assert len(calls) > 3
    assert calls - {"execve"} <= {
        i["name"] for i in spec["syscalls"] if i["architecture"] == architecture
    }
    assert {_steady(path) for path in seen.files} <= names(spec, "files", "path")
    executables = {str(Path(path).resolve()) for path in seen.executables - {"/proc/self/exe"}}
    # The kernel runs a script's interpreter, which reads the script.
    scripts = {path for path in executables if Path(path).read_bytes()[:2] == b"#!"}
    assert executables - scripts <= names(spec, "executables", "path")
    assert scripts <= names(spec, "files", "path")


def _steady(path: str) -> str:
    """A process below /proc is one, whichever it is."""
    return re.sub(r"/proc/\d+", "/proc/<pid>", path)


def _peers(spec: Spec, domain: str) -> dict[Peer, set[str]]:
    return {
        (i["protocol"], i["address"], i["port"]): set(i.get("resolved", ())) for i in spec[domain]
    }


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_what_strace_saw_stands_in_the_profile(
    program: str, tmp_path: Path, build: Callable[[str], str]
) -> None:
    first, *rest = PROGRAMS[program]
    command = (
        build(first) if first in FLAGS else first,
        *(word.replace("PORT", str(PORT)) for word in rest),
    )
    is_compat = program == "32-bit"
    inside = () if is_compat else _within(tmp_path / "work")
    seen, spec = _witnessed(tmp_path, *inside, *command)
    _holds(spec, seen, "386" if is_compat else "amd64")
    assert bool(seen.ingress) == (program in SERVERS)
    assert seen.egress <= _peers(spec, "egress").keys()
    assert seen.ingress <= _peers(spec, "ingress").keys()


@pytest.mark.parametrize("program", sorted(FETCHING))
def test_whom_a_program_met_stands_in_the_profile_by_name(
    program: str, tmp_path: Path, build: Callable[[str], str], served: Internet
) -> None:
    first, *rest = (
        word.replace("PLAIN", served.plain).replace("SECURE", served.secure)
        for word in FETCHING[program]
    )
    served.forget()
    command = (build(first) if first in GO else first, *rest)
    inside = served.inside(*command)
    seen, spec = _witnessed(tmp_path, *_within(tmp_path / "work"), *inside, options=served.believed)
    _holds(spec, seen)
    met = _peers(spec, "egress")
    assert seen.egress <= met.keys()
    assert served.visits
    assert served.visits <= met.keys()
    assert served.answered
    for name in served.answered:
        assert any(name in met[peer] for peer in met if peer[1] == NAMES[name])
    assert served.greeted == ({SECURE} if "SECURE" in "".join(FETCHING[program]) else set())
    for name in served.greeted:
        assert met["tcp", NAMES[name], served.secure_port] == {name}


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


def test_what_a_ring_is_refused_was_not_opened(tmp_path: Path, build: Callable[[str], str]) -> None:
    """By the thread itself and by a worker; what was refused first and opened then was opened, and what nobody is told of."""
    ring, folder = build("ring"), tmp_path / "in"
    folder.mkdir()
    (folder / "told").touch()
    script = f"{ring} absent absent late late; /bin/mkdir late; {ring} late . +told"
    spec = record(tmp_path / "out", "/usr/bin/env", "-C", str(folder), "/bin/sh", "-c", script)
    found = {path for path in names(spec, "files", "path") if path.startswith(str(folder))}
    assert found == {str(folder), *(str(folder / name) for name in ("late", "told"))}
    assert losses(spec) == {}


def test_what_a_ring_has_no_room_to_tell_stands_as_opened(
    tmp_path: Path, build: Callable[[str], str]
) -> None:
    """Its queue is full and runs over: how what is asked for then ends is told to nobody, so none of it is missing."""
    folder = tmp_path / "in"
    folder.mkdir()
    there = [f"there-{number}" for number in range(12)]
    for name in there:
        (folder / name).touch()
    asked = [f"-{name}" for name in (*there, "absent")]
    inside = ("/usr/bin/env", "-C", str(folder))
    seen = record(tmp_path / "out", *inside, build("ring"), *asked)
    found = names(seen, "files", "path")
    assert {str(folder / name) for name in (*there, "absent")} <= found
    assert losses(seen) == {}


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
