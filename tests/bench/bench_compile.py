"""Compiling: 1,000 and 10,000 agents, an unchanged tree, one agent from the start of the process.

The floor is the work that nothing can avoid: reading every input and writing every
output byte, in the same run.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.scale import write

POLICYC = Path(sys.executable).with_name("policyc")


def seconds(root: Path, out: Path, cache: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [POLICYC, "compile", root, "-o", out, "--as-of", "2026-09-01"],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def floor(root: Path, out: Path, copy: Path) -> float:
    start = time.perf_counter()
    for path in root.rglob("*"):
        if path.is_file():
            path.read_bytes()
    for path in out.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        times: dict[int, float] = {}
        for agents in (1, 1000, 10_000):
            root, out = base / f"root-{agents}", base / f"out-{agents}"
            write(root, agents)
            times[agents] = seconds(root, out, base / "cache")
            again = seconds(root, out, base / "cache")
            least = floor(root, out, base / f"copy-{agents}")
            print(
                f"{agents} agents: {times[agents]:.2f} s, {times[agents] / least:.1f} x reading and writing; "
                f"unchanged {again:.2f} s"
            )
        print(f"10,000 take {times[10_000] / times[1000]:.1f} x as long as 1,000")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"largest process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
