"""What watching costs a loop of the cheapest system call, as ratios to an empty program on ``sys_enter``.

Each round measures every variant, in an order that rotates, as many batches of calls that are short enough
for most of them to be interrupted by nothing.  The best tenth of all batches counts, because what else the
machine does can only add; the least stands beside it.  Needs root, clang, gcc, strace and bpftrace.
"""

from __future__ import annotations

import ctypes as c
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from support.rare_calls import build

from recorder import kernel, layout, libbpf, uprobes

BATCHES = 100
CALLS = 500
"""Of a batch: it takes 0.1 ms, and a slice of the scheduler some."""
TRACED = 50
"""Of a batch under strace, where each takes a hundred times as long."""
ROUNDS = 20
EMPTY = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tp_btf/sys_enter") int nothing_in(void *context) { return 0; }
SEC("tp_btf/sys_exit") int nothing_out(void *context) { return 0; }
SEC("cgroup_skb/egress") int nothing_sent(void *context) { return 1; }
SEC("cgroup_skb/ingress") int nothing_received(void *context) { return 1; }
char LICENSE[] SEC("license") = "GPL";
"""
LIFE = frozenset({"on_fork", "on_exec", "on_exit"})
COUNT_BY_PROCESS = (
    "tracepoint:raw_syscalls:sys_enter { @[pid, comm] = count(); } "
    'interval:ms:100 { printf("attached\\n"); }'
)


class Loaded:
    """An object's programs, loaded and not attached."""

    def __init__(self, path: Path) -> None:
        self.handle = libbpf.call("bpf_object__open_file")(str(path).encode(), None)
        failed = libbpf.call("bpf_object__load")(self.handle)
        assert not failed, "run as root"

    @contextmanager
    def attached(self, chosen: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
        """Attach the chosen programs while the block runs, all but those of libraries."""
        cgroup = kernel._root_cgroup()
        links = [
            kernel._link(program, section, cgroup)
            for program, name, section in kernel._programs(self.handle)
            if chosen(name) and section not in uprobes.HOOKS.values()
        ]
        assert all(links), "this kernel has every hook"
        try:
            yield
        finally:
            for link in links:
                libbpf.call("bpf_link__destroy")(link)
            if cgroup is not None:
                os.close(cgroup)

    def put(self, name: str, value: c.Structure) -> None:
        maps = dict(kernel._maps(self.handle))
        libbpf.call("bpf_map_update_elem")(maps[name], c.byref(c.c_uint32(0)), c.byref(value), 0)


@dataclass(frozen=True, slots=True)
class Variant:
    """Who watches, while the block runs, and by what the loop is started."""

    watched: Callable[[], AbstractContextManager[None]]
    wrapper: tuple[str, ...] = ()
    calls: int = CALLS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _measure(build(folder, "spin"), _variants(empty_programs(folder), Loaded(kernel.OBJECT)))


def empty_programs(folder: Path) -> Loaded:
    """``nothing_in`` on the entry of calls, ``nothing_out`` on the exit, two more on packets."""
    source, made = folder / "empty.c", folder / "empty.o"
    source.write_text(EMPTY)
    include = f"-I/usr/include/{os.uname().machine}-linux-gnu"
    subprocess.run(
        ["clang", "-O2", "-g", "-target", "bpf", include, "-c", str(source), "-o", str(made)],
        check=True,
    )
    return Loaded(made)


def _variants(empty: Loaded, recorder: Loaded) -> dict[str, Variant]:
    own = Path("/proc/self/ns/mnt").stat().st_ino
    recorder.put(kernel.ACTIONS, kernel.actions())

    @contextmanager
    def recording(own_inum: int, chosen: Callable[[str], bool]) -> Iterator[None]:
        recorder.put("settings", layout.Config(watch=1, own_inum=own_inum))
        with recorder.attached(chosen):
            yield

    return {
        "an empty program": Variant(lambda: empty.attached(lambda name: name == "nothing_in")),
        "an empty program on the exit, too": Variant(
            lambda: empty.attached({"nothing_in", "nothing_out"}.__contains__)
        ),
        "recorded": Variant(lambda: recording(0, lambda _: True)),
        "recorded, without files and refusals": Variant(
            lambda: recording(0, lambda name: name == "on_sys_enter" or name in LIFE)
        ),
        "of the host, not recorded": Variant(lambda: recording(own, lambda _: True)),
        "counted by process with bpftrace": Variant(_counted_by_bpftrace),
        "strace -f -c": Variant(nullcontext, ("strace", "-f", "-c", "-o", "/dev/null"), TRACED),
    }


@contextmanager
def _counted_by_bpftrace() -> Iterator[None]:
    """The one-liner, in a mount namespace of its own with the tracing file system that it reads."""
    mounts = "mount -t tracefs none /sys/kernel/tracing && mount -t debugfs none /sys/kernel/debug"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f'{mounts} && exec bpftrace -e "$0"', COUNT_BY_PROCESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("attached"):
                break
        else:
            raise RuntimeError(f"bpftrace does not run here: {''.join(told)}")
        try:
            yield
        finally:
            process.kill()


def _measure(spin: Path, variants: dict[str, Variant]) -> None:
    batches: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for place in range(ROUNDS):
        turn = place % len(names)
        for name in names[turn:] + names[:turn]:
            with variants[name].watched():
                batches[name].extend(_spin(spin, variants[name]))
    found = {name: (_best_tenth(took), min(took)) for name, took in batches.items()}
    base = found["an empty program"]
    for name, (tenth, least) in found.items():
        print(
            f"{name:40} {tenth:8.0f} ns a call, ratio {tenth / base[0]:6.2f};"
            f" at least {least:8.0f} ns, {least / base[1]:6.2f}"
        )


def _spin(program: Path, variant: Variant) -> list[float]:
    """Nanoseconds of a call, by batch."""
    command = [*variant.wrapper, str(program), str(BATCHES), str(variant.calls)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(line) for line in told.stdout.splitlines()]


def _best_tenth(took: list[float]) -> float:
    return statistics.quantiles(took, n=10)[0]
