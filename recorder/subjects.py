"""The subjects that are being recorded, and which of them are parts of one container."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from recorder import layout
from recorder.identity import Container
from recorder.sets import FROM_RUNTIME, WITHIN, Phases

KEPT_REMOVED = 4096
SLOW_NS = 60 * 10**9
"""No runtime needs so long from the first namespace of a container to its program."""
ALWAYS_EXEC = frozenset({"runc"})
"""Runtimes that have no other way to run a program than to exec it: where nothing was, the start has failed."""
UNEXECUTED = "what the runtime ran without an exec: it stands as set-up"


@dataclass(slots=True)
class Known:
    """A subject that is being recorded; without a container its sets are read by nobody."""

    key: layout.SubjectKey
    container: Container | None
    missed: Mapping[str, int]
    """What the kernel had lost of no single subject, by domain, at a time before this one began."""
    strangers_before: int = 0
    """Containers that nobody knew and that had ended before this one began."""
    network: int = 0
    """Cookie of the network namespace of the container that it is a part of; 0: it is one itself, or not known."""
    phases: Phases = WITHIN
    """What the phases of the kernel side are called in a profile."""
    has_program: bool = False
    """One was exec'd in it, or may have been before the recorder came."""
    is_unexecuted: bool = False
    """It is of a container that runs, or ran, and in which none was."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """By domain, what its last document says is lost."""
    written: int = 0
    """The signature of what was written last."""
    is_noted: bool = False
    """It stands in the journal."""
    ended: float = 0
    """When its last task left, on the monotonic clock; 0 while it has any."""


@dataclass(slots=True)
class Subjects:
    """By their ids: those in the kernel's maps, and the last that left them."""

    here: dict[int, Known] = field(default_factory=dict)
    removed: dict[int, Known] = field(default_factory=dict)
    """Who was in one of them comes back as another subject."""
    _parts: dict[str, dict[int, Known]] = field(default_factory=dict)
    """Of each container that has any."""
    _by_namespace: dict[int, Known] = field(default_factory=dict)
    """The first one of each mount namespace that is a container's."""

    def add(self, id_: int, known: Known) -> None:
        self.here[id_] = known
        if known.container:
            self._parts.setdefault(known.container.id, {})[id_] = known
            self._by_namespace.setdefault(known.key.mntns, known)

    def remove(self, id_: int) -> Known:
        """It left the kernel's maps."""
        known = self.removed[id_] = self.here.pop(id_)
        for oldest in list(self.removed)[:-KEPT_REMOVED]:
            self._forget(oldest, self.removed.pop(oldest))
        return known

    def origin(self, subject: layout.Subject) -> Known | None:
        """The one whose process made it."""
        return self.here.get(subject.origin) or self.removed.get(subject.origin)

    def container(self, mntns: int) -> Container | None:
        """Whose a mount namespace is: who enters it in another cgroup is that container, too, as `runc exec` at first."""
        known = self._by_namespace.get(mntns)
        return known.container if known else None

    def is_met(self, container: str) -> bool:
        """Whether there is, or was, one of the container of that id."""
        return container in self._parts

    def judge(
        self,
        read: Mapping[int, layout.Subject],
        get: Callable[[int], layout.Subject],
        *,
        is_final: bool,
    ) -> None:
        """See which of these are of containers in which nothing was exec'd.

        ``get`` reads others; ``is_final``: nobody looks again.
        """
        for id_, subject in read.items():
            self.here[id_].has_program |= bool(subject.has_program)
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        suspects = {
            id_
            for id_, subject in read.items()
            if self._is_suspect(id_, is_late=is_final or now_ns - subject.first_ns > SLOW_NS)
        }
        parts = set().union(*(self._parts_of(id_) for id_ in suspects))
        # Those that are not read with these may have got a program since they were.
        for id_ in parts & self.here.keys() - read.keys():
            self.here[id_].has_program |= bool(get(id_).has_program)
        for id_ in read:
            self.here[id_].is_unexecuted = id_ in suspects and not self._has_program(id_)

    def _is_suspect(self, id_: int, *, is_late: bool) -> bool:
        container = self.here[id_].container
        if container is None or container.runtime in ALWAYS_EXEC or container.has_own_kernel:
            return False
        # A process of a runtime may pass through several subjects before its exec.
        is_over = is_late or all(part.ended for part in self._parts_of(id_).values())
        return is_over and not self._has_program(id_)

    def _has_program(self, id_: int) -> bool:
        return any(part.has_program for part in self._parts_of(id_).values())

    def _parts_of(self, id_: int) -> Mapping[int, Known]:
        """All of its container."""
        container = self.here[id_].container
        assert container is not None, "parts are a container's"
        return self._parts[container.id]

    def _forget(self, id_: int, known: Known) -> None:
        if known.container:
            parts = self._parts[known.container.id]
            del parts[id_]
            if not parts:
                del self._parts[known.container.id]
            if self._by_namespace.get(known.key.mntns) is known:
                del self._by_namespace[known.key.mntns]


def phases_in(subject: layout.Subject, origin: Known | None) -> Phases:
    """What the kernel's phases are called, for a subject that a process of ``origin`` made.

    Who comes to a container with a program of another mount namespace is that container's application, or another's:
    it made itself one, or goes back from there.  But a runtime may have a mount namespace of its own, which is no
    container: then it made this one.  Of what was there before the recorder it is not known who made it.
    """
    is_of_runtime = subject.late or (origin is not None and origin.container is None)
    return FROM_RUNTIME if is_of_runtime else WITHIN
