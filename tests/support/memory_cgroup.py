"""A memory cgroup of a test's own, in whichever hierarchy this machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MemoryCgroup:
    """``home`` is where this process is; ``usage`` and ``limit`` are the names of the files that say it in bytes."""

    folder: Path
    home: Path
    usage: str
    limit: str

    @property
    def entering(self) -> tuple[str, ...]:
        """What the command line of a process that starts in it begins with."""
        return ("sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', str(self.folder))


@contextmanager
def memory_cgroup() -> Iterator[MemoryCgroup]:
    """An empty one, removed at the end; AssertionError where memory has no controller."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = [_of_v1(m) or _of_v2(m) for m in mounts if m[2] in ("cgroup", "cgroup2")]
    hierarchies = [one for one in found if one is not None]
    assert hierarchies, "no cgroup hierarchy has the memory controller"
    made = hierarchies[0]
    made.folder.mkdir()
    try:
        yield made
    finally:
        made.folder.rmdir()


def _of_v1(mount: list[str]) -> MemoryCgroup | None:
    if mount[2] != "cgroup" or "memory" not in mount[3].split(","):
        return None
    names = ("memory.usage_in_bytes", "memory.limit_in_bytes")
    return MemoryCgroup(_new(mount[1]), _home(mount[1], "memory"), *names)


def _of_v2(mount: list[str]) -> MemoryCgroup | None:
    control = Path(mount[1]) / "cgroup.subtree_control"
    if (
        mount[2] != "cgroup2"
        or not control.is_file()
        or "memory" not in control.read_text().split()
    ):
        return None
    return MemoryCgroup(_new(mount[1]), _home(mount[1], ""), "memory.current", "memory.max")


def _new(mount: str) -> Path:
    return Path(mount) / f"policyc-test-{os.getpid()}"


def _home(mount: str, controller: str) -> Path:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    (path,) = [path for _, names, path in lines if names == controller]
    return Path(mount) / path.lstrip("/")
