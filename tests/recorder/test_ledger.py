"""A loss at every layer: what is missing in the profile is at most what the ledger says."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.recorded_containers import template
from support.recorder import losses, names, record, watching

from recorder.journal import NAME

pytestmark = pytest.mark.system

FILES = 600
ROOM = 6
OPEN = f"import sys, os\nfor i in range({FILES}): os.close(os.open(f'{{sys.argv[1]}}/{{i}}', os.O_CREAT | os.O_RDWR))"
PEERS = "import socket\nfor i in range(300):\n with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: "
SENDING = {
    "unconnected": "s.sendto(b'x', ('127.0.0.1', 20000 + i))",
    "connected": "s.connect(('127.0.0.1', 20000 + i)); s.send(b'x')",
}
"""A peer is noted by the call, or by its first packet, for which no task stands."""


def _opened(folder: Path, *options: str) -> tuple[int, int]:
    """How many of FILES files stand in the profile, and how many were lost, which are too many to be other files."""
    inside = folder / "in"
    inside.mkdir()
    spec = record(
        folder / "out", sys.executable, "-S", "-E", "-c", OPEN, str(inside), options=options
    )
    found = {p for p in names(spec, "files", "path") if p.startswith(f"{inside}/")}
    return len(found), losses(spec).get("files", 0)


def test_nothing_is_lost_with_room(tmp_path: Path) -> None:
    assert _opened(tmp_path) == (FILES, 0)


def test_a_full_map(tmp_path: Path) -> None:
    found, lost = _opened(tmp_path, "--map-entries", "items=64")
    assert found < FILES <= found + lost


def test_a_ring_that_is_almost_too_small(tmp_path: Path) -> None:
    """Whether its reader keeps up with it is a matter of the machine; a paused one, below, never does."""
    found, lost = _opened(tmp_path, "--map-entries", "events=4096")
    assert found + lost >= FILES


@pytest.mark.parametrize("way", SENDING)
def test_a_full_map_of_peers(tmp_path: Path, way: str) -> None:
    program = PEERS + SENDING[way]
    spec = record(
        tmp_path, sys.executable, "-S", "-c", program, options=("--map-entries", "peers=32")
    )
    lost = losses(spec)
    assert lost["egress"] > 0
    assert len(spec["egress"]) + lost["egress"] >= 300


def test_a_full_map_of_containers(tmp_path: Path) -> None:
    """Others may have mount namespaces on this machine, so there is room for a few, and there are many more."""
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "sh", "-c", "echo here; read x"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with watching(tmp_path / "out", "--map-entries", f"subjects={ROOM}") as recorder:
        with ExitStack() as stack:
            started = [
                stack.enter_context(subprocess.Popen(containers.arguments(), **pipes))
                for _ in range(3 * ROOM)
            ]
            for process in started:
                assert process.stdout is not None
                assert process.stdout.readline() == b"here\n"
            for process in started:
                process.communicate(b"x\n", timeout=60)
        (spec,) = recorder.stop()
    assert len(spec["runs"]) <= ROOM
    for run in spec["runs"]:
        assert all(run["loss"].values())


def test_a_reader_that_is_killed(tmp_path: Path) -> None:
    """The container goes on without a reader and ends; the next recorder never meets it."""
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "sh", "-c", "echo a >seen; read x && echo b >unseen"))
    out = tmp_path / "out"
    name = f"policyc-test-{uuid.uuid4().hex}"
    with (
        watching(out) as recorder,
        subprocess.Popen(containers.arguments(name), stdin=subprocess.PIPE) as process,
    ):
        assert containers.run().returncode == 1, "it has no input, and ends before the kill"
        while name not in (told := (out / NAME).read_text()) or '"ended"' not in told:
            assert recorder.process.poll() is None
        recorder.process.kill()
        recorder.process.wait()
        process.communicate(b"x\n", timeout=60)
    with watching(out) as recorder:
        (spec,) = recorder.stop()
    lost = {run["id"]: run for run in spec["runs"]}
    assert set(lost[name]["loss"]) == {d for d, count in lost[name]["loss"].items() if count}
    assert any("killed" in words for words in lost[name]["blind"])
    (ended,) = lost.keys() - {name}
    assert not any(lost[ended]["loss"].values()), "what was written whole stays whole"
    assert "/srv/unseen" not in names(spec, "files", "path")


def test_a_reader_that_is_paused(tmp_path: Path) -> None:
    containers = template(tmp_path / "bundle", "runc")
    loop = f"i=0; while [ $i -lt {FILES} ]; do echo >$i; i=$((i + 1)); done; while [ $i -gt 0 ]; do i=$((i - 1)); rm $i; done"
    containers.configure(("/bin/busybox", "sh", "-c", loop))
    with watching(tmp_path / "out", "--map-entries", "events=16384") as recorder:
        recorder.process.send_signal(signal.SIGSTOP)
        ended = containers.run()
        assert ended.returncode == 0, ended.stderr
        recorder.process.send_signal(signal.SIGCONT)
        (spec,) = recorder.stop()
    found = {path for path in names(spec, "files", "path") if path.startswith("/srv/")}
    lost = losses(spec)["files"]
    assert len(found) < FILES <= len(found) + lost
