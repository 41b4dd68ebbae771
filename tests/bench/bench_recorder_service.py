"""What the recorder's service costs: servers under load beside it, and itself with 200 containers.

A server is asked on one connection, with and without the recorder in turns. Throughput is answers in a
second of processor time of server and client: the clock on the wall would say more of what else the
machine does. The best of the rounds counts, for the same reason.  Needs root, gcc,
clang and runc.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from support.rare_calls import build
from support.recorded_containers import template
from support.recorder import losses, watching
from support.samples import ROOT

from tests.bench.bench_recorder import empty_programs

ROUNDS = 10
SECONDS = 1
CONTAINERS = 200
WINDOW_SECONDS = 120
NEWS_SECONDS = 20
"""Each container opens a new file so often."""
STARTED_WITHIN_SECONDS = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        http = build(folder, "http")
        port = _free_port()
        uvicorn = (sys.executable, "-m", "uvicorn", "tests.bench.plain_app:app", "--log-level")
        servers = {
            "uvicorn": (*uvicorn, "critical", "--no-access-log", "--port", str(port)),
            "a server in C that does nothing else": (str(http), "serve", str(port)),
        }
        for server, command in servers.items():
            _throughput(folder, server, command, http, port)
        _own(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _throughput(folder: Path, name: str, command: tuple[str, ...], http: Path, port: int) -> None:
    empty = empty_programs(folder)
    variants: dict[str, Callable[[int], AbstractContextManager[object]]] = {
        "alone": lambda _: nullcontext(),
        "an empty program on sys_enter": lambda _: empty.attached(
            lambda name: name == "nothing_in"
        ),
        "recorded": lambda place: watching(folder / f"{name}-{place}"),
    }
    best = dict.fromkeys(variants, 0.0)
    for place in range(ROUNDS):
        for variant, watched in variants.items():
            with watched(place), _serving(command, port) as server:
                best[variant] = max(best[variant], _asked(http, port, server))
    for variant, found in best.items():
        less = 100 * (1 - found / best["alone"])
        print(f"{name}, {variant}: {found:.0f} requests a second, {less:.1f} % less")


@contextmanager
def _serving(command: tuple[str, ...], port: int) -> Iterator[int]:
    """A server in a mount namespace of its own, which the kernel side takes for a container's; its process."""
    with subprocess.Popen(("unshare", "--mount", *command), cwd=ROOT) as process:
        try:
            while not _is_open(port):
                assert process.poll() is None
            yield process.pid
        finally:
            process.kill()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def _asked(http: Path, port: int, server: int) -> float:
    """Answers in a second of processor time of server and client."""
    before = _spent(server) + _children_seconds()
    told = subprocess.run([http, "ask", str(port), str(SECONDS)], check=True, capture_output=True)
    return int(told.stdout) / (_spent(server) + _children_seconds() - before)


def _spent(process: int) -> float:
    """Seconds that the main thread of a process had a processor (proc(5), schedstat)."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
