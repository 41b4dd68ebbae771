"""What the recorder's service costs: servers under load, and itself with 200 containers.

A server is asked on one connection, in many short slots: alone, under empty programs, and recorded, in an order
that rotates. Server and client have one processor between them, so that neither waits for the other to wake
up on the next. Two figures of each slot count: the answers in a second, and the server's own processor
time for one.  What a variant loses is told within its round, by the median and the middle half of the
rounds: the machine's ups and downs are longer than a round. Of the recorder the programs are attached here,
without its process, whose share of a processor is told apart.  Needs root, gcc, clang and runc.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from support.rare_calls import build
from support.recorded_containers import template
from support.recorder import losses, watching
from support.samples import ROOT

from recorder import kernel, layout
from tests.bench.bench_recorder import Loaded, empty_programs

ROUNDS = 50
SLOT_MILLISECONDS = 100
BATCH = 4
"""The answers that the client times as one."""
CONTAINERS = 200
WINDOW_SECONDS = 60
NEWS_SECONDS = 20
"""Each container opens a new file so often."""
STARTED_WITHIN_SECONDS = 30

Variants: TypeAlias = "dict[str, Callable[[], AbstractContextManager[None]]]"


@dataclass(frozen=True, slots=True)
class Slot:
    """What one variant did in one round."""

    answers: float
    """In a second, by the best tenth of the batches: nothing interrupted those."""
    own_microseconds: float
    """Of the server's processor time, for one answer."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        http = build(folder, "http")
        port = _free_port()
        variants = _variants(empty_programs(folder), Loaded(kernel.OBJECT))
        servers = {
            "FastAPI": _uvicorn("json_app", port),
            "uvicorn": _uvicorn("plain_app", port),
            "a server in C that does nothing else": (str(http), "serve", str(port)),
        }
        for server, command in servers.items():
            with _serving(command, port) as process:
                _tell(server, _rounds(variants, lambda: _asked(http, port, process)))
        _own(folder)


def _uvicorn(module: str, port: int) -> tuple[str, ...]:
    options = ("--log-level", "critical", "--no-access-log", "--port", str(port))
    return (sys.executable, "-m", "uvicorn", f"tests.bench.{module}:app", *options)


def _variants(empty: Loaded, recorder: Loaded) -> Variants:
    own = Path("/proc/self/ns/mnt").stat().st_ino
    recorder.put(kernel.ACTIONS, kernel.actions())
    recorder.put("settings", layout.Config(watch=1, own_inum=own))
    return {
        "alone": nullcontext,
        "an empty program on sys_enter": lambda: empty.attached("nothing_in".__eq__),
        "empty programs on calls and packets": empty.attached,
        "recorded": recorder.attached,
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _serving(command: tuple[str, ...], port: int) -> Iterator[int]:
    """A server in a mount namespace of its own, which the kernel side takes for a container's; its process."""
    with subprocess.Popen(("unshare", "--mount", *command), cwd=ROOT) as process:
        try:
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            while not _is_open(port):
                assert process.poll() is None
            yield process.pid
        finally:
            process.kill()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def _rounds(variants: Variants, ask: Callable[[], Slot]) -> dict[str, list[Slot]]:
    """By variant, the slots of all rounds."""
    found: dict[str, list[Slot]] = {name: [] for name in variants}
    names = list(variants)
    for place in range(ROUNDS):
        turn = place % len(names)
        for name in names[turn:] + names[:turn]:
            with variants[name]():
                found[name].append(ask())
    return found


def _asked(http: Path, port: int, server: int) -> Slot:
    processor = str(min(os.sched_getaffinity(server)))
    before = _spent(server)
    told = subprocess.run(
        ["taskset", "--cpu-list", processor, http, "ask", str(port), str(SLOT_MILLISECONDS)],
        check=True,
        capture_output=True,
    )
    spent = _spent(server) - before
    batches = [int(line) / BATCH for line in told.stdout.splitlines()]
    return Slot(
        answers=1e9 / statistics.quantiles(batches, n=10)[0],
        own_microseconds=spent / (len(batches) * BATCH) * 1e6,
    )


def _spent(process: int) -> float:
    """Seconds that the main thread of a process had a processor (proc(5), schedstat)."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _tell(server: str, found: dict[str, list[Slot]]) -> None:
    alone = found["alone"]
    for name, slots in found.items():
        fewer = [100 * (1 - s.answers / a.answers) for s, a in zip(slots, alone, strict=True)]
        more = [
            100 * (s.own_microseconds / a.own_microseconds - 1)
            for s, a in zip(slots, alone, strict=True)
        ]
        print(
            f"{server}, {name}: {_median(s.answers for s in slots):.0f} answers a second,"
            f" {_spread(fewer)} fewer; {_median(s.own_microseconds for s in slots):.2f} us"
            f" of the server's own time for each, {_spread(more)} more"
        )


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def _spread(percents: list[float]) -> str:
    """The median, and between what the middle half lies."""
    low, median, high = statistics.quantiles(percents, n=4)
    return f"{median:.2f} % ({low:.2f} to {high:.2f})"


def _own(folder: Path) -> None:
    """The recorder's own processor time and memory, at its usual intervals."""
    bundle = template(folder / "bundle", "runc")
    life = STARTED_WITHIN_SECONDS + WINDOW_SECONDS
    news = [(str(at * 1000), f"/srv/{at}") for at in range(1, life, NEWS_SECONDS)]
    bundle.configure(
        (bundle.install(build(folder, "rare")), *(word for pair in news for word in pair))
    )
    with watching(folder / "out") as recorder, ExitStack() as containers:
        pid = recorder.process.pid
        before = _spent(pid)
        for _ in range(CONTAINERS):
            containers.enter_context(subprocess.Popen(bundle.arguments(), stdin=subprocess.DEVNULL))
            time.sleep(0.05)
        print(f"{CONTAINERS} starts: {(_spent(pid) - before) / CONTAINERS * 1e3:.1f} ms each")
        before = _spent(pid)
        time.sleep(WINDOW_SECONDS)
        share = (_spent(pid) - before) / WINDOW_SECONDS
        print(
            f"with {CONTAINERS} containers: {100 * share:.2f} % of a processor, {_resident(pid):.0f} MiB"
        )
        containers.close()
        (spec,) = recorder.stop()
        print(f"{len(spec['runs'])} runs in the profile, losses: {losses(spec) or 'none'}")


def _resident(process: int) -> float:
    """The most memory that it had, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
