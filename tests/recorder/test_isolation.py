"""A container that floods what all share costs itself: whoever runs beside it has a whole profile."""

from __future__ import annotations

import signal
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.rare_calls import build
from support.recorded_containers import Template, template
from support.recorder import Spec, watching

pytestmark = pytest.mark.system

SERVER = "127.77.0.53"
BELIEVED = ("--name-server", SERVER)
SECONDS = 40
"""As in the tests of what has no end: how long a flood goes on when it is not ended."""
RING = 1 << 20
ANSWERS, OPENED, NAMESPACES = 20_000, 4_000, 40
MOST_EVENTS = RING / 5 / 64
"""Of one container: it has a fifth of the ring at most, and no event takes less of it."""
LOOP = "i=0; while [ $i -lt {count} ]; do {does}; i=$((i + 1)); done"
CREATE = LOOP.format(count=OPENED, does=": >a$i")
ELSEWHERE = f"unshare -Um sh -c '{LOOP.format(count=100, does=': <a$i')}'"
"""In a mount namespace of its own making, which is another subject of the same container."""
FLOODS = {
    "answers": (f"answerer {SECONDS} {ANSWERS}; : >a0", ("egress",), ANSWERS),
    "files": (CREATE, ("files",), OPENED),
    "namespaces": (
        CREATE + "; " + LOOP.format(count=NAMESPACES, does=ELSEWHERE),
        ("files", "executables"),
        OPENED,
    ),
}
"""What fills the ring, the domains that lose by it, and how many things there are of the first."""
FILES, NAMES = 60, 5
QUIET = f"answerer {SECONDS} {NAMES} q; " + LOOP.format(count=FILES, does=": >b$i")


def _bundle(folder: Path, script: str) -> Template:
    made = template(folder, "runc")
    made.install(build(folder, "answerer"))
    made.configure(("/bin/busybox", "sh", "-ec", script))
    return made


def _run(containers: Template) -> str:
    """Its id, when it has ended well."""
    name = f"policyc-test-{uuid.uuid4().hex}"
    ended = containers.run(name)
    assert ended.returncode == 0, ended.stderr
    return name


def _lost(spec: Spec, run: str) -> dict[str, int]:
    (found,) = (entry["loss"] for entry in spec["runs"] if entry["id"] == run)
    return {domain: count for domain, count in found.items() if count}


def _files(spec: Spec, runs: Sequence[str], letter: str) -> set[str]:
    paths = (i["path"] for i in spec["files"] if set(runs) & set(i["runs"]))
    return {path for path in paths if path.startswith(f"/srv/{letter}")}


def _assert_whole(spec: Spec, run: str) -> None:
    assert _lost(spec, run) == {}
    assert _files(spec, [run], "b") == {f"/srv/b{i}" for i in range(FILES)}
    (peer,) = (p for p in spec["egress"] if run in p["runs"])
    assert peer["address"] == SERVER
    assert {f"q{i:08x}.test" for i in range(NAMES)} <= set(peer["resolved"])


def test_who_runs_beside_a_flood_that_has_no_end_loses_nothing(tmp_path: Path) -> None:
    flood = _bundle(tmp_path / "flood", "")
    flood.configure(("/bin/answerer", str(SECONDS)))
    quiet = _bundle(tmp_path / "quiet", QUIET)
    with (
        watching(tmp_path / "out", *BELIEVED) as recorder,
        subprocess.Popen(flood.arguments(), stdout=subprocess.PIPE) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            run = _run(quiet)
            (spec,) = recorder.stop()
            assert process.poll() is None
        finally:
            process.terminate()  # which the runtime hands on
    _assert_whole(spec, run)
    (other,) = (entry["id"] for entry in spec["runs"] if entry["id"] != run)
    assert set(_lost(spec, other)) == {"egress"}


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("floods", [1, 6])
def test_who_runs_beside_floods_loses_nothing_while_nobody_reads(
    kind: str, floods: int, tmp_path: Path
) -> None:
    script, domains, things = FLOODS[kind]
    quiet = _bundle(tmp_path / "quiet", QUIET)
    flood = _bundle(tmp_path / "flood", script)
    with watching(tmp_path / "out", *BELIEVED, "--map-entries", f"events={RING}") as recorder:
        recorder.process.send_signal(signal.SIGSTOP)
        others = [_run(flood) for _ in range(floods)]
        run = _run(quiet)
        recorder.process.send_signal(signal.SIGCONT)
        (spec,) = recorder.stop()
    _assert_whole(spec, run)
    for other in others:
        lost = _lost(spec, other)
        assert set(lost) == set(domains)
        assert lost[domains[0]] >= things - MOST_EVENTS
    assert kind != "answers" or _files(spec, others, "a") == {"/srv/a0"}, (
        "its other names have room"
    )


FILLS = {
    "items=2048": (CREATE, {"files": OPENED - 1024}),
    "peers=256": (
        LOOP.format(count=400, does="nc 127.0.0.1 $((20000 + i)) </dev/null || true"),
        {"egress": 400 - 128},
    ),
    "subjects=64": (
        LOOP.format(
            count=80, does="mkfifo p; unshare -Um sh -c ': >a'$i'; : >p; sleep 600' & : <p; rm p"
        ),
        {},
    ),
}
"""What fills a map of this size, of which there is half for one container, and what it loses at least."""


@pytest.mark.parametrize("size", FILLS)
def test_who_runs_beside_one_that_fills_a_map_loses_nothing(size: str, tmp_path: Path) -> None:
    script, least = FILLS[size]
    flood = _bundle(tmp_path / "flood", f"{script}; echo full; read x")
    quiet = _bundle(tmp_path / "quiet", QUIET)
    other = f"policyc-test-{uuid.uuid4().hex}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with watching(tmp_path / "out", *BELIEVED, "--map-entries", size) as recorder:
        with subprocess.Popen(flood.arguments(other), **pipes) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"full\n"
            run = _run(quiet)
            process.communicate(b"\n", timeout=60)
        (spec,) = recorder.stop()
    _assert_whole(spec, run)
    lost = _lost(spec, other)
    assert set(lost) == set(least)
    assert all(lost[domain] >= count for domain, count in least.items())
    assert least or _files(spec, [other], "a") == {f"/srv/a{i}" for i in range(80)}
