"""Containers that have a kernel of their own: nothing of them can be recorded, and their profiles say so.

A virtual machine's container is no mount namespace of this machine, so no hook ever meets it.  But
containerd keeps a bundle of each, with the path of the shim that runs it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recorder import layout, profile
from recorder.identity import SEPARATE_KERNELS, Container, annotations_of, container_of
from recorder.owners import Owners
from recorder.session import Session

TASKS = "run/containerd/io.containerd.runtime.v2.task"
"""A folder a namespace, and in it one a container (containerd 1.6 to 2.1, core/runtime/v2)."""
_SHIM = "shim-binary-path"
_PREFIX = "containerd-shim-"  # kata-v2, runsc-v1, ...


def blindness(runtime: str) -> str:
    """What a run of such a container cannot say, in words."""
    return f"everything: `{runtime}` gives a container its own kernel"


def unseen(root: Path) -> Iterator[Container]:
    """The containers of the host at ``root`` that a shim of a separate kernel runs."""
    for file in sorted((root / TASKS).glob(f"*/*/{_SHIM}")):
        try:
            runtime = Path(file.read_text().strip()).name.removeprefix(_PREFIX)
        except OSError:
            continue
        if runtime.startswith(SEPARATE_KERNELS):
            found = container_of(file.parent.name, runtime, annotations_of(file.parent))
            if not found.is_sandbox:
                yield found


@dataclass(slots=True)
class Shims:
    """Each such container gives one run, which says that nothing was seen of it."""

    root: Path
    session: Session
    owners: Owners | None
    told: set[str] = field(default_factory=set)

    def documents(self) -> Iterator[profile.Document]:
        """The profiles of those that were not told of; later when nobody says whose pod one is."""
        for container in unseen(self.root):
            if container.id in self.told:
                continue
            owned = self.owners.resolve(container, time.monotonic()) if self.owners else container
            if owned.pod and self.owners:
                continue
            self.told.add(container.id)
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            blind = (*owned.blind, blindness(owned.runtime))
            run = self.session.run(owned.id, layout.Subject(first_ns=now, late=1), {}, blind)
            yield profile.profile(owned.workload, run, (), ())
