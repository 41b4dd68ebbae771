"""Where OpenSSL lies: as a library of its own, within Python's module, or within a program."""

from __future__ import annotations

import ctypes as c
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from recorder.kernel import Programs
from recorder.layers import RootFileSystem, identity
from recorder.sightings import Names, Opened, has_tls

_ARCHITECTURES = "usr/lib/*-linux-gnu"
_FOLDERS = (
    "usr/lib64",
    "usr/lib",
    "lib",
    "usr/local/lib",
    "usr/local/bin",
    "usr/bin",
)
"""Where images keep it: Debian, Red Hat, Alpine, and what was built from source."""

Identity: TypeAlias = "tuple[int, ...]"
"""Device and inode; in an overlay inode, size and time of change."""
_OVERLAY = 0x794C7630  # OVERLAYFS_SUPER_MAGIC of include/uapi/linux/magic.h
_STATFS_BYTES = 256  # more than `struct statfs` has, whose first field is the type

ALWAYS, NEVER = 0, sys.maxsize
"""Since when the calls are seen of a file that has none, and of one that could not be attached as a whole."""


def below(root: Path) -> Iterator[Path]:
    """The files of a root file system that may have OpenSSL."""
    for folder in (*_FOLDERS, *(str(path.relative_to(root)) for path in root.glob(_ARCHITECTURES))):
        with suppress(OSError):
            # A Path for each name would cost ten times as much, and this is done for every container.
            listed = sorted(os.listdir(root / folder))  # noqa: PTH208
            yield from (root / folder / name for name in listed if has_tls(name))


def follow(
    names: Names, libraries: Libraries, proc: Path, root_of: Callable[[int], Path | None]
) -> None:
    """Attach what was opened; one that was not looked at yet when it was opened counts as missed.

    ``root_of`` gives a subject's root file system, for processes that are gone already.
    """
    news, names.libraries = names.libraries, []
    for opened in news:
        if _seen_since(opened, proc, root_of(opened.subject), libraries) > opened.at_ns:
            names.late_libraries[opened.subject] = names.late_libraries.get(opened.subject, 0) + 1


def _seen_since(opened: Opened, proc: Path, root: Path | None, libraries: Libraries) -> int:
    """As ``Libraries.attach``, which is done unless the process is gone."""
    relative = opened.path.lstrip("/")
    with suppress(OSError):
        return libraries.attach(proc / str(opened.process) / "root" / relative)
    with suppress(OSError):
        return libraries.since(root / relative) if root else NEVER
    return NEVER


@contextmanager
def _held(path: Path) -> Iterator[Path]:
    """Another path of the file, which stays although its process ends; OSError when there is no such file.

    Only of a regular one: whoever opens a pipe of that name waits for its other end.
    """
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _identities(path: Path) -> tuple[Identity, Identity]:
    """Of the file, and of the same file where it shows through an overlay; OSError when there is none.

    The containers of one image have each an overlay of their own over one and the same file, to which the
    kernel attaches: twice attached, each call would be seen twice.
    """
    as_layer = identity(path)
    told = c.create_string_buffer(_STATFS_BYTES)
    failed = c.CDLL(None).statfs(os.fsencode(path), told)
    if not failed and c.c_long.from_buffer(told).value == _OVERLAY:
        return as_layer, as_layer
    return (os.stat(path).st_dev, as_layer[0]), as_layer  # noqa: PTH116  # as above


@dataclass(slots=True)
class Libraries:
    """The files whose calls are looked at; each is attached once, for all processes that map it."""

    programs: Programs
    _known: dict[Identity, int] = field(default_factory=dict)

    def attach(self, path: Path) -> int:
        """Look at a file's calls; since when all are seen, in nanoseconds of CLOCK_BOOTTIME, or ``NEVER``.

        OSError when there is no such file.
        """
        with _held(path) as file:
            own, as_layer = _identities(file)
            if own in self._known:
                return self._known[own]
            library = self.programs.attach_tls(file)
        since = time.clock_gettime_ns(time.CLOCK_BOOTTIME) if library.has_functions else ALWAYS
        self._known[own] = self._known[as_layer] = since if library.is_whole else NEVER
        return self._known[own]

    def since(self, path: Path) -> int:
        """As ``attach`` of a file that is attached already, or else ``NEVER``.  OSError when there is no such file."""
        return self._known.get(_identities(path)[0], NEVER)

    def attach_below(self, root: RootFileSystem) -> None:
        """Look at all that a root file system has, before its programs run."""
        for path in below(root.path):
            with suppress(OSError):  # a link to nowhere
                found = root.behind(path)
                if found is not None:
                    self.attach(found)
