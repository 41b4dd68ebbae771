"""Mount namespaces that no runtime accounts for, and which of them were containers.

Services of systemd have mount namespaces too (systemd.exec(5), PrivateTmp= and its like), and nobody misses those in a
profile: they keep the machine's root, or are known for services.  A container has a root of its own.  It may
have been a replica of any workload, so whichever run was open meanwhile says that one was not recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recorder import layout

WORDS = "a container that no runtime accounted for was not recorded"
SELF_CONFINED = frozenset(
    {
        b"snap-confine",
        b"virtiofsd",
        b"passt",
        b"passt.avx2",
        b"pasta",
        b"pasta.avx2",
        b"slirp4netns",
    }
)
"""Programs of the machine that lock themselves, or what they start, into a root of its own: of snaps, virtual machines and
rootless networks.  None runs an image."""
INIT = 1


@dataclass(slots=True)
class Strangers:
    """Those of one recorder, by the ids of their subjects."""

    met: int = 0
    """Containers among them, until now."""
    gone: int = 0
    """Of them, those that have ended."""
    _unjudged: set[int] = field(default_factory=set)
    _containers: set[int] = field(default_factory=set)
    _services: dict[int, int] = field(default_factory=dict)
    """Those that a service manager made, and the mount namespace of each."""

    def add(self, subject: layout.Subject, mntns: int) -> None:
        """Take one that nobody knows; ``mntns``: the mount namespace of its key."""
        self._say(
            f"no runtime tells whose the mount namespace {subject.mntns_inum} is; it is not recorded"
        )
        # A service may go into another cgroup. What a runtime begins in the cgroup of a service is none.
        if _is_of_manager(subject) or mntns in self._services.values():
            self._services[subject.id] = mntns
        # One that was there before belongs to a time of which no profile says that all was recorded.
        elif not subject.late and not _is_of_system(subject):
            self._unjudged.add(subject.id)

    def judge(self, get: Callable[[int], layout.Subject]) -> None:
        """Look again at those of whom it was not known what they are: their first program may have been started."""
        for subject in map(get, sorted(self._unjudged)):
            if subject.has_own_root:
                self._unjudged.remove(subject.id)
                self._containers.add(subject.id)
                self.met += 1
                self._say(f"the mount namespace {subject.mntns_inum} is a container's")

    def remove(self, subjects: Iterable[int]) -> None:
        """They have ended, and what was open meanwhile was written."""
        for id_ in subjects:
            self._unjudged.discard(id_)
            self._services.pop(id_, None)
            self.gone += id_ in self._containers
            self._containers.discard(id_)

    @staticmethod
    def _say(words: str) -> None:
        sys.stderr.write(f"recorder: {words}\n")


def _is_of_system(subject: layout.Subject) -> bool:
    """Whether it is a service's or a snap's, by its cgroup, or of a program that confines itself."""
    unit: bytes = subject.unit
    is_named = unit.endswith(b".service") or unit.startswith(b"snap.")
    return is_named or subject.maker in SELF_CONFINED


def _is_of_manager(subject: layout.Subject) -> bool:
    """Whether a service manager made it for a service, whatever the cgroup is called.

    A service's payload may be in a cgroup below the service's (DelegateSubgroup=, systemd 254), and where only cgroup v1
    has names the kernel side sees none.  systemd calls its child `(NAME)` until that execs the service's program
    (rename_process_from_path in src/core).  Its parent is the machine's first process; a user's manager, or with
    PrivatePIDs= another such child, may be between.
    """
    return bytes(subject.maker).startswith(b"(") and INIT in subject.pids[1:3]
