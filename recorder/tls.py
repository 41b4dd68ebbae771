"""Where OpenSSL lies: as a library of its own, within Python's module, or within a program."""

from __future__ import annotations

import ctypes as c
import fcntl
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from recorder.kernel import Programs
from recorder.layers import RootFileSystem, identity, root_file_system, root_of_process
from recorder.sightings import Names, Opened, has_tls
from recorder.uprobes import Library

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

Identity: TypeAlias = "tuple[int, int]"
"""Device and inode."""
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
        since = _seen_since(opened, proc, root_of(opened.subject), libraries)
        if since > opened.at_ns:
            names.late_libraries[opened.subject] = names.late_libraries.get(opened.subject, 0) + 1
        empty = names.empty_libraries.setdefault(opened.subject, set())
        (empty.add if since == ALWAYS else empty.discard)(opened.path)


def _seen_since(opened: Opened, proc: Path, root: Path | None, libraries: Libraries) -> int:
    """As ``Libraries.attach``, which is done unless the process is gone."""
    relative, process = opened.path.lstrip("/"), proc / str(opened.process)
    with suppress(OSError):
        return libraries.attach(process / "root" / relative, libraries.root_of(process))
    with suppress(OSError):
        return libraries.since(root, relative) if root else NEVER
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


def _is_overlay(path: Path) -> bool:
    told = c.create_string_buffer(_STATFS_BYTES)
    failed = c.CDLL(None).statfs(os.fsencode(path), told)
    return not failed and c.c_long.from_buffer(told).value == _OVERLAY


def _is_gone(file: int) -> bool:
    """Whether a file has no name any more and nobody has it open or mapped, which only leases tell (F_SETLEASE of fcntl(2)).

    Of what an overlay shows that cannot be asked: programs map the file behind it.
    """
    path = Path(f"/proc/self/fd/{file}")
    if os.fstat(file).st_nlink or _is_overlay(path):
        return False
    try:
        with path.open("rb") as opened:
            # Who opened it meanwhile would end this process by the signal that is usual.
            fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return False
    return True


@contextmanager
def _behind(path: Path, root: RootFileSystem) -> Iterator[tuple[Path, Identity, _Stamp]]:
    """The file that programs map, held, what no other file has, and when it was written; OSError when there is none.

    The containers of one image have each an overlay of their own over one and the same file, to which the
    kernel attaches: twice attached, each call would be seen twice.  What no layer is known to have is itself.
    """
    with _held(path) as shown, _held(_layer_of(path, shown, root) or shown) as file:
        found = os.stat(file)  # noqa: PTH116  # a path of another root, never to be resolved
        stamp = _Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        yield file, (found.st_dev, found.st_ino), stamp


def _layer_of(path: Path, shown: Path, root: RootFileSystem) -> Path | None:
    """Of a file that an overlay shows, the one of a layer; whoever runs there may have put another one at the path."""
    layer = root.behind(path) if _is_overlay(shown) else None
    if layer is None or _is_overlay(layer) or identity(layer) != identity(shown):
        return None
    return layer


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Changes whenever the content of a file does."""

    size: int
    written_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found in a file, and in which state of it."""

    since: int
    stamp: _Stamp
    library: Library

    def is_to_be_renewed(self, now: _Stamp) -> bool:
        """Whether there may be functions that are not looked at: new ones, or for want of descriptors."""
        return self.since == NEVER or not self.holds(now)

    def holds(self, now: _Stamp) -> bool:
        """Whether it is still true; of what has functions, only the content matters, and not its links and owners."""
        if self.since == ALWAYS:
            return self.stamp == now
        return (self.stamp.size, self.stamp.written_ns) == (now.size, now.written_ns)


@dataclass(slots=True)
class Libraries:
    """The files whose calls are looked at; each is attached once, for all processes that map it."""

    programs: Programs
    host: Path = Path("/")
    """Where the host's root is."""
    _known: dict[Identity, _Look] = field(default_factory=dict)

    def root_of(self, process: Path) -> RootFileSystem:
        """Of a process, by its folder in /proc; OSError when it is gone."""
        return root_of_process(process, self.host)

    def attach(self, path: Path, root: RootFileSystem) -> int:
        """Look at a file's calls; since when all are seen, in nanoseconds of CLOCK_BOOTTIME, or ``NEVER``.

        ``root`` is what the path leads through.  OSError when there is no such file.
        """
        with _behind(path, root) as (file, own, stamp):
            known = self._known.get(own)
            if known is None or (not known.library.links and known.is_to_be_renewed(stamp)):
                self._let_go()
                known = self._known[own] = self._look(file, stamp)
        # To attach once more to what was written over would show its calls twice.
        return known.since if known.holds(stamp) else NEVER

    def _look(self, file: Path, stamp: _Stamp) -> _Look:
        library = self.programs.attach_tls(file)
        since = time.clock_gettime_ns(time.CLOCK_BOOTTIME) if library.has_functions else ALWAYS
        return _Look(since if library.is_whole else NEVER, stamp, library)

    def _let_go(self) -> None:
        """Look no longer at what was deleted and nobody runs: probes would keep it, and descriptors, for ever."""
        for own, look in list(self._known.items()):
            if look.library.links and _is_gone(look.library.file):
                del self._known[own]
                self.programs.detach_tls(look.library)

    def since(self, root: Path, relative: str) -> int:
        """As ``attach`` of a file that is attached already, or else ``NEVER``.  OSError when there is no such file."""
        with _behind(root / relative, root_file_system(root, self.host)) as (_, own, stamp):
            known = self._known.get(own)
            return known.since if known and known.holds(stamp) else NEVER

    def attach_below(self, root: RootFileSystem) -> None:
        """Look at all that a root file system has, before its programs run."""
        for path in below(root.path):
            with suppress(OSError):  # a link to nowhere
                if root.behind(path) is not None:
                    self.attach(path, root)
