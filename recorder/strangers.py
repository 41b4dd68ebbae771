"""Mount namespaces that no runtime accounts for, and which of them were containers.

Services of systemd have mount namespaces too (systemd.exec(5), PrivateTmp= and its like), and nobody misses those in a
profile: they keep the machine's root, or run in the cgroup of a service.  A container has a root of its own.  It may
have been a replica of any workload, so whichever run was open meanwhile says that one was not recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recorder import layout

WORDS = "a container that no runtime accounted for was not recorded"


@dataclass(slots=True)
class Strangers:
    """Those of one recorder, by the ids of their subjects."""

    met: int = 0
    """Containers among them, until now."""
    gone: int = 0
    """Of them, those that have ended."""
    _unjudged: set[int] = field(default_factory=set)
    _containers: set[int] = field(default_factory=set)

    def add(self, subject: layout.Subject) -> None:
        """Take one that nobody knows."""
        self._say(
            f"no runtime tells whose the mount namespace {subject.mntns_inum} is; it is not recorded"
        )
        # One that was there before belongs to a time of which no profile says that all was recorded.
        if not subject.late:
            self._unjudged.add(subject.id)

    def judge(self, get: Callable[[int], layout.Subject]) -> None:
        """Look again at those of whom it was not known what they are: their first program may have been started."""
        for subject in map(get, sorted(self._unjudged)):
            if is_container(subject):
                self._unjudged.remove(subject.id)
                self._containers.add(subject.id)
                self.met += 1
                self._say(f"the mount namespace {subject.mntns_inum} is a container's")

    def remove(self, subjects: Iterable[int]) -> None:
        """They have ended, and what was open meanwhile was written."""
        for id_ in subjects:
            self._unjudged.discard(id_)
            self.gone += id_ in self._containers
            self._containers.discard(id_)

    @staticmethod
    def _say(words: str) -> None:
        sys.stderr.write(f"recorder: {words}\n")


def is_container(subject: layout.Subject) -> bool:
    """Whether a program was started in it with a root of its own, and neither as a service nor as a snap's."""
    unit: bytes = subject.unit
    is_of_system = unit.endswith(b".service") or unit.startswith(b"snap.")
    return bool(subject.has_own_root) and not is_of_system
