"""Containers of which no hook meets anything: nothing of them can be recorded, and their profiles say so.

A virtual machine's container is no mount namespace of this machine, and a shim that runs WebAssembly may make its
calls itself.  But containerd keeps a bundle of each, with the path of the shim that runs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recorder import layout, profile
from recorder.identity import SEPARATE_KERNELS, Container, annotations_of, container_of
from recorder.owners import Owners
from recorder.session import Session

TASKS = "run/containerd/io.containerd.runtime.v2.task"
"""A folder a namespace, and in it one a container (containerd 1.6 to 2.1, core/runtime/v2)."""
_SHIM = "shim-binary-path"
_PREFIX = "containerd-shim-"  # kata-v2, runsc-v1, wasmtime-v1, ...
_OF_RUNC = "runc-"
"""containerd's own, of all runtimes that are called as runc is."""


def blindness(runtime: str) -> str:
    """What a run of such a container cannot say, in words."""
    if runtime.startswith(SEPARATE_KERNELS):
        return f"everything: `{runtime}` gives a container its own kernel"
    return f"everything: `{runtime}` runs a container in a way that is not known"


def unseen(root: Path, is_met: Callable[[str], bool]) -> Iterator[Container]:
    """The containers of the host at ``root`` of which another shim than runc's runs something that nobody met.

    ``is_met``: whether a hook met a container of that id.  Of one with its own kernel that is no more than its helpers.
    """
    for file in sorted((root / TASKS).glob(f"*/*/{_SHIM}")):
        try:
            runtime = Path(file.read_text().strip()).name.removeprefix(_PREFIX)
        except OSError:
            continue
        if runtime.startswith(_OF_RUNC):
            continue
        found = container_of(file.parent.name, runtime, annotations_of(file.parent))
        if not found.is_sandbox and (found.has_own_kernel or not is_met(found.id)):
            yield found


@dataclass(slots=True)
class Shims:
    """Each such container gives one run, which says that nothing was seen of it."""

    root: Path
    session: Session
    owners: Owners | None
    is_met: Callable[[str], bool]
    """Whether a hook met a container of that id."""
    told: set[str] = field(default_factory=set)
    _unmet: dict[str, Container] = field(default_factory=dict)
    """When they were looked at last."""

    def documents(self, *, is_final: bool) -> Iterator[profile.Document]:
        """The profiles of those that were not told of; later when nobody says whose pod one is.

        A shim may have only begun, so what is unmet for the first time is told of by the next call, unless it was
        met by then; ``is_final``: there is none.
        """
        before = self._unmet
        self._unmet = {found.id: found for found in unseen(self.root, self.is_met)}
        for container in (before | self._unmet).values():
            is_sure = container.has_own_kernel or container.id in before or is_final
            is_unmet = container.has_own_kernel or not self.is_met(container.id)
            if container.id in self.told or not (is_sure and is_unmet):
                continue
            owned = self.owners.resolve(container, time.monotonic()) if self.owners else container
            if owned.pod and self.owners:
                continue
            self.told.add(container.id)
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            blind = (*owned.blind, blindness(owned.runtime))
            run = self.session.run(owned.id, layout.Subject(first_ns=now, late=1), {}, blind)
            yield profile.profile(owned.workload, run, (), ())
