"""Where OpenSSL lies: as a library of its own, within Python's module, or within a program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from recorder.kernel import Programs
from recorder.sightings import Names, has_tls

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


def below(root: Path) -> Iterator[Path]:
    """The files of a root file system that may have OpenSSL."""
    for folder in (*_FOLDERS, *(str(path.relative_to(root)) for path in root.glob(_ARCHITECTURES))):
        with suppress(OSError):
            # A Path for each name would cost ten times as much, and this is done for every container.
            listed = sorted(os.listdir(root / folder))  # noqa: PTH208
            yield from (root / folder / name for name in listed if has_tls(name))


def follow(names: Names, libraries: Libraries, proc: Path) -> None:
    """Attach what was opened since; what it was called for before counts as missed."""
    opened, names.libraries = names.libraries, []
    for subject, pid, path in opened:
        if libraries.attach(proc / str(pid) / "root" / path.lstrip("/")):
            names.late_libraries[subject] = names.late_libraries.get(subject, 0) + 1


@dataclass(slots=True)
class Libraries:
    """The files whose calls are looked at; each is attached once, for all processes that map it."""

    programs: Programs
    _known: set[tuple[int, int]] = field(default_factory=set)

    def attach(self, path: Path) -> bool:
        """Look at a file's calls from now on; True when that is new, so that earlier calls were missed."""
        try:
            found = os.stat(path)  # noqa: PTH116  # a path of another root, never to be resolved
        except OSError:
            return False
        inode = (found.st_dev, found.st_ino)
        if inode in self._known:
            return False
        self._known.add(inode)
        return self.programs.attach_tls(path)

    def attach_below(self, root: Path) -> None:
        """Look at all that a root file system has, before its programs run."""
        for path in below(root):
            self.attach(path)
