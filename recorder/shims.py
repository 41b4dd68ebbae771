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
from recorder.owners import KEPT, NOBODY_TOLD, Owners
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
    """Of those that containerd still has a bundle of."""
    _unmet: dict[str, Container] = field(default_factory=dict)
    """That are to be told of, those found last at the end."""

    def documents(self, *, is_final: bool) -> Iterator[profile.Document]:
        """The profiles of those that were not told of; who asks for the next one has kept the one before.

        A shim may have only begun, so what is unmet for the first time is told of by the next call, unless it was
        met by then. Nor is one told of as long as nobody says whose pod it is. ``is_final``: there is no next call.
        """
        before = self._unmet
        found = {container.id: container for container in unseen(self.root, self.is_met)}
        self.told &= found.keys()
        self._unmet = {id_: c for id_, c in (before | found).items() if id_ not in self.told}
        for id_ in list(self._unmet)[:-KEPT]:
            del self._unmet[id_]
        for id_, container in list(self._unmet.items()):
            if not container.has_own_kernel and self.is_met(id_):
                del self._unmet[id_]
                continue
            owned = self.owners.resolve(container, time.monotonic()) if self.owners else container
            is_nobodys = bool(self.owners and owned.pod)
            is_sure = (container.has_own_kernel or id_ in before) and not is_nobodys
            if is_sure or is_final:
                yield self._document(owned, (NOBODY_TOLD,) if is_nobodys else ())
                self.told.add(id_)
                del self._unmet[id_]

    def _document(self, owned: Container, whys: tuple[str, ...]) -> profile.Document:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        blind = (*owned.blind, blindness(owned.runtime), *whys)
        run = self.session.run(owned.id, layout.Subject(first_ns=now, late=1), {}, blind)
        return profile.profile(owned.workload, run, (), ())
