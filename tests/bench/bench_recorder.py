"""What the recorder costs a loop of system calls, as ratios to an empty program on ``sys_enter``.

Each round measures every variant, one after the other, so that what else the machine does
falls on all of them; the medians of the rounds' ratios count.  Needs root, clang and gcc.
"""

from __future__ import annotations

import ctypes as c
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from recorder import kernel, layout, libbpf

PROGRAMS = Path(__file__).parents[1] / "recorder/programs"
CALLS = 200_000
ROUNDS = 15
EMPTY = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tp_btf/sys_enter") int nothing_in(void *context) { return 0; }
SEC("tp_btf/sys_exit") int nothing_out(void *context) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""
LIFE = frozenset({"on_fork", "on_exec", "on_exit"})


class Loaded:
    """An object's programs, loaded and not attached."""

    def __init__(self, path: Path) -> None:
        self.handle = libbpf.call("bpf_object__open_file")(str(path).encode(), None)
        failed = libbpf.call("bpf_object__load")(self.handle)
        assert not failed, "run as root"

    @contextmanager
    def attached(self, chosen: Callable[[str], bool]) -> Iterator[None]:
        """Attach the tracepoints whose programs are chosen, while the block runs."""
        found = kernel._programs(self.handle)
        links = [
            libbpf.call("bpf_program__attach")(program)
            for program, name, section in found
            if chosen(name) and section.startswith("tp_btf")
        ]
        try:
            yield
        finally:
            for link in links:
                libbpf.call("bpf_link__destroy")(link)

    def put(self, name: str, value: c.Structure) -> None:
        maps = dict(kernel._maps(self.handle))
        libbpf.call("bpf_map_update_elem")(maps[name], c.byref(c.c_uint32(0)), c.byref(value), 0)


def _spin(program: Path, calls: int) -> float:
    started = time.perf_counter()
    subprocess.run([str(program), str(calls)], check=True)
    return time.perf_counter() - started


def _call(program: Path) -> float:
    """Seconds that a system call takes."""
    return max(_spin(program, CALLS) - _spin(program, 0), 1e-9) / CALLS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spin, source, empty = folder / "spin", folder / "empty.c", folder / "empty.o"
        subprocess.run(
            ["gcc", "-O1", "-static", str(PROGRAMS / "spin.c"), "-o", str(spin)], check=True
        )
        source.write_text(EMPTY)
        include = f"-I/usr/include/{os.uname().machine}-linux-gnu"
        subprocess.run(
            ["clang", "-O2", "-g", "-target", "bpf", include, "-c", str(source), "-o", str(empty)],
            check=True,
        )
        _measure(spin, Loaded(empty), Loaded(kernel.OBJECT))


def _measure(spin: Path, empty: Loaded, recorder: Loaded) -> None:
    own = Path("/proc/self/ns/mnt").stat().st_ino
    recorder.put(kernel.ACTIONS, kernel.actions())
    recorded = layout.Config(watch=1)
    not_recorded = layout.Config(watch=1, own_inum=own)
    variants: dict[str, tuple[Loaded, Callable[[str], bool], layout.Config]] = {
        "an empty program": (empty, lambda name: name == "nothing_in", recorded),
        "an empty program on the exit, too": (empty, lambda _: True, recorded),
        "recorded": (recorder, lambda _: True, recorded),
        "recorded, without files and refusals": (
            recorder, lambda name: name == "on_sys_enter" or name in LIFE, recorded,
        ),
        "of the host, not recorded": (recorder, lambda _: True, not_recorded),
    }  # fmt: skip
    times: dict[str, list[float]] = {variant: [] for variant in variants}
    for _ in range(ROUNDS):
        for variant, (loaded, chosen, config) in variants.items():
            recorder.put("settings", config)
            with loaded.attached(chosen):
                times[variant].append(_call(spin))
    base = times["an empty program"]
    for variant, found in times.items():
        ratio = median(one / other for one, other in zip(found, base, strict=True))
        print(f"{variant:40} {min(found) * 1e9:6.0f} ns a call at best, ratio {ratio:.2f}")
