"""What arrives at a server over TLS: the names of what it is asked for, and nothing else of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.containers import require
from support.recorded_containers import Template, template
from support.recorder import Spec, losses, names, record, watching
from support.tls_containers import certificate, python_container

from recorder.kernel import load
from recorder.layers import root_of_process
from recorder.sightings import Names, Opened
from recorder.tls import ALWAYS, NEVER, Libraries, follow

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SECRET = b"PLANTED" + b"SECRET"
CONNECTIONS = 2
CALLS = 40


def _named(specs: list[Spec], name: str) -> Spec:
    (spec,) = (spec for spec in specs if spec["workload"]["name"] == name)
    return spec


def _asked(spec: Spec) -> set[tuple[str, str]]:
    tools = {(item["server"], item["tool"]) for item in spec["tools"]}
    return tools | {(item["gateway"], item["model"]) for item in spec["models"]}


def _is_served(spec: Spec) -> set[bool]:
    return {item.get("served", False) for domain in ("tools", "models") for item in spec[domain]}


def test_a_server_and_its_client_in_other_containers(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "localhost")
    server = python_container(
        tmp_path / "server", "server", (PROGRAMS / "mcp_server.py", pem), pem.name, str(CONNECTIONS)
    )
    with watching(tmp_path / "out") as recorder:
        with subprocess.Popen(server.arguments(), stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            port = serving.stdout.readline().strip()
            client = python_container(
                tmp_path / "client", "client", (PROGRAMS / "mcp_client.py",), port
            )
            try:
                ended = client.run()
                assert ended.returncode == 0, ended.stderr
                assert serving.wait(timeout=60) == 0
            finally:
                serving.terminate()
        specs = recorder.stop()
    names = {"first", "long", "after", "large-4"}
    assert _asked(_named(specs, "server")) == {("python3", name) for name in names}
    assert _asked(_named(specs, "client")) == {("localhost", name) for name in names}
    assert _is_served(_named(specs, "server")) == {True}
    assert _is_served(_named(specs, "client")) == {False}
    # Each connection begins a session of MCP with the server, and nobody one with the client.
    assert [run["sessions"] for run in _named(specs, "server")["runs"]] == [CONNECTIONS]
    assert [run.get("sessions") for run in _named(specs, "client")["runs"]] == [None]
    for spec in specs:
        assert losses(spec) == {}
        assert {spot for run in spec["runs"] for spot in run["blind"]} == set()
        assert not {item["name"] for item in spec["syscalls"]} & {"uretprobe", "uprobe"}
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"large-4" in written
    assert SECRET not in written


def test_a_server_in_node(tmp_path: Path) -> None:
    """Node has OpenSSL within its own program."""
    require("node")
    pem = certificate(tmp_path, "node.example")
    spec = record(tmp_path / "out", "node", str(PROGRAMS / "served.js"), str(pem))
    assert _asked(spec) == {("node.example", "by_node"), ("node", "by_node")}
    assert losses(spec) == {}


def _connections(folder: Path, way: str, room: int) -> tuple[set[str], dict[str, int]]:
    """The tools that a profile names of CALLS, each of a connection of its own, and what it lost."""
    pem = certificate(folder, "here.example")
    command = (sys.executable, str(PROGRAMS / "connections.py"), str(pem), str(CALLS), way)
    spec = record(folder / "out", *command, options=("--map-entries", f"streams={room}"))
    return {item["tool"] for item in spec["tools"]}, losses(spec)


def test_a_full_map_of_streams(tmp_path: Path) -> None:
    found, lost = _connections(tmp_path, "kept", 8)
    assert len(found) < CALLS <= len(found) + lost["tools"]
    assert lost["models"] == lost["tools"]


@pytest.mark.parametrize("way", ["closed", "left"])
def test_connections_that_ended_leave_room(tmp_path: Path, way: str) -> None:
    found, lost = _connections(tmp_path, way, 8)
    assert found == {f"tool{place}" for place in range(CALLS)}
    assert lost == {}


def test_containers_of_one_image_are_read_once(tmp_path: Path) -> None:
    """Their overlays show one library, each under a device number of its own."""
    require("mount", "umount")
    pem = certificate(tmp_path, "here.example")
    files = (PROGRAMS / "connections.py", pem)
    image = python_container(tmp_path / "image", "replica", files, pem.name, "3", "closed")
    (tmp_path / "nothing").mkdir()
    with watching(tmp_path / "out") as recorder:
        for name in ("one", "two", "three"):
            folder = tmp_path / name
            (folder / "rootfs").mkdir(parents=True)
            shutil.copy(image.folder / "config.json", folder)
            layers = f"lowerdir={tmp_path / 'nothing'}:{image.folder / 'rootfs'}"
            root = str(folder / "rootfs")
            subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", root], check=True)
            ended = Template(folder, "runc").run()
            # What is probed of it does not keep its file system busy.
            subprocess.run(["umount", root], check=True)
            assert ended.returncode == 0, ended.stderr
        (spec,) = recorder.stop()
    assert len(spec["runs"]) == 3
    assert {(item["tool"], item["count"]) for item in spec["tools"]} == {
        (f"tool{place}", 1) for place in range(3)
    }
    assert losses(spec) == {}


def test_a_library_that_cannot_be_attached(tmp_path: Path) -> None:
    """Its function lies behind the end of its file."""
    require("cc")
    source, library = tmp_path / "far.s", tmp_path / "libssl.so.9"
    source.write_text(
        ".text\n.globl SSL_write\n.type SSL_write, @function\n.set SSL_write, . + 0x10000000\nret\n"
    )
    subprocess.run(["cc", "-shared", "-nostdlib", "-o", str(library), str(source)], check=True)
    spec = record(tmp_path / "out", "/usr/bin/sha256sum", str(library))
    assert losses(spec) == {"models": 1, "tools": 1}


def test_a_pipe_that_is_called_a_library(tmp_path: Path) -> None:
    """The recorder is not to wait for what nobody will write."""
    script = 'mkfifo "$0" && exec 3<>"$0"'
    spec = record(tmp_path / "out", "/bin/sh", "-c", script, str(tmp_path / "libssl.so.3"))
    assert losses(spec) == {"models": 1, "tools": 1}


def _asking(folder: Path, *flags: str) -> Spec:
    """What a profile says of a program that has OpenSSL's functions within it, and ran twice."""
    require("cc")
    container = template(folder / "bundle", "runc")
    program = folder / "bundle/rootfs/usr/local/bin/node"
    program.parent.mkdir(parents=True)
    source = str(PROGRAMS / "asks.c")
    subprocess.run(["cc", "-static", *flags, "-o", str(program), source], check=True)
    container.configure(("/usr/local/bin/node",))
    with watching(folder / "out") as recorder:
        # The first may run before its calls are looked at, which is said then.
        for _ in range(2):
            ended = container.run()
            assert ended.returncode == 0, ended.stderr
        (spec,) = recorder.stop()
    return spec


EX = "SSL_write_ex(ssl, message, bytes, &written)"
EX2 = "SSL_write_ex2(ssl, message, bytes, 0, &written)"


@pytest.mark.parametrize(("function", "how"), [(EX, "-O0"), (EX, "-O2"), (EX2, "-O2")])
def test_what_is_handed_on_is_read_once(tmp_path: Path, function: str, how: str) -> None:
    """From SSL_write_ex to SSL_write_ex2: by a call, or by a jump."""
    spec = _asking(tmp_path, how, f"-DASK(ssl, message, bytes)={function}")
    seen = [(i["model"], i["count"], len(i["runs"])) for i in spec["models"]]
    assert seen == [("m", 1, 2)]


SENT = "SSL_sendfile(ssl, 0, 0, bytes, 0)"
ANSWERED = f'(SSL_write(ssl, "HTTP/1.1 200 OK\\r\\n\\r\\n", 19), {SENT})'


@pytest.mark.parametrize(("sends", "is_told"), [(SENT, True), (ANSWERED, False)])
def test_a_file_that_the_kernel_sends(tmp_path: Path, sends: str, is_told: bool) -> None:
    """A request may be in it; of answers nothing is read."""
    spec = _asking(tmp_path, "-O2", f"-DASK(ssl, message, bytes)={sends}")
    words = "messages over TLS that SSL_sendfile sends"
    spots = {spot for run in spec["runs"] for spot in run["blind"]}
    assert spots == ({f"models: {words}", f"tools: {words}"} if is_told else set())


@pytest.mark.parametrize("bits", [32, 64])
def test_a_program_with_its_own_library(tmp_path: Path, bits: int) -> None:
    """Of a 32-bit one nothing is read, and that is said."""
    spec = _asking(tmp_path, f"-m{bits}")
    unread = "messages over TLS of 32-bit programs"
    spots = {spot for run in spec["runs"] for spot in run["blind"] if spot.endswith(unread)}
    named = [(item["model"], len(item["runs"])) for item in spec["models"]]
    assert named == ([] if bits == 32 else [("m", 2)])
    assert spots == ({f"models: {unread}", f"tools: {unread}"} if bits == 32 else set())
    lost = [{domain for domain, count in run["loss"].items() if count} for run in spec["runs"]]
    assert set() in lost
    assert all(domains in (set(), {"models", "tools"}) for domains in lost)


def test_a_library_that_was_opened_before_it_was_looked_at(tmp_path: Path) -> None:
    """Whatever came first to the recorder: the word of it, or the container that has it."""
    library = tmp_path / "libssl.so.3"
    require("cc")
    command = ["cc", "-shared", "-o", str(library), "-x", "c", "-"]
    subprocess.run(command, input=b"int SSL_write(void) { return 0; }", check=True)
    programs = load({})
    try:
        libraries, names = Libraries(programs), Names()
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        libraries.attach(library, root_of_process(Path("/proc/self"), Path("/")))
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        opened = [Opened(1, os.getpid(), str(library), at) for at in (before, after, after)]
        names.libraries = [*opened, replace(opened[0], subject=2, process=0)]
        follow(names, libraries, Path("/proc"), lambda _: Path("/"))
        assert names.late_libraries == {1: 1, 2: 1}
        assert names.libraries == []
    finally:
        programs.close()


def test_a_library_is_looked_at_again_once_it_is_written(tmp_path: Path) -> None:
    """Nothing that was found in a file is true of what it holds later."""
    require("cc")
    made, library = tmp_path / "made", tmp_path / "libssl.so.3"
    command = ["cc", "-shared", "-o", str(made), "-x", "c", "-"]
    subprocess.run(command, input=b"int SSL_write(void) { return 0; }", check=True)
    library.touch()
    root = root_of_process(Path("/proc/self"), Path("/"))
    programs = load({})
    try:
        libraries = Libraries(programs)
        empty = [libraries.attach(library, root) for _ in range(2)]
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        library.write_bytes(made.read_bytes())
        assert libraries.since(Path("/"), str(library)[1:]) == NEVER
        since = libraries.attach(library, root)
        library.chmod(0o755)
        again = libraries.attach(library, root)
        library.write_bytes(made.read_bytes() + b"x")
        assert empty == [ALWAYS, ALWAYS]
        assert before < since == again < NEVER
        assert libraries.attach(library, root) == NEVER
    finally:
        programs.close()


WRITES = (
    "import sys; to, made = sys.argv[1], open(sys.argv[2], 'rb').read(); "
    "file = open(to, 'wb', buffering=0); file.write(made[:100]); seen = open(to, 'rb').read()"
)
LOADS = "file.write(made[100:]); file.close(); import ctypes; ctypes.CDLL(to).SSL_write()"


@pytest.mark.parametrize("then", [LOADS, "pass"])
def test_a_library_that_the_program_writes_is_lost_or_seen(tmp_path: Path, then: str) -> None:
    require("cc")
    made = tmp_path / "made"
    command = ["cc", "-shared", "-o", str(made), "-x", "c", "-"]
    subprocess.run(command, input=b"int SSL_write(void) { return 0; }", check=True)
    written = str(tmp_path / "libssl-1.so.3")
    program = f"{WRITES}; {then}"
    spec = record(tmp_path / "out", sys.executable, "-c", program, written, str(made))
    assert written in names(spec, "files", "path")
    assert losses(spec).keys() == {"models", "tools"}
