"""Where OpenSSL lies: as a library of its own, within Python's module, or within a program."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
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


def follow(
    names: Names, libraries: Libraries, proc: Path, root_of: Callable[[int], Path | None]
) -> None:
    """Attach what was opened since; what it was called for unseen counts as missed, once for each library.

    ``root_of`` gives a subject's root file system, for processes that are gone already.
    """
    opened, names.libraries = names.libraries, []
    for subject, pid, path in opened:
        roots = (proc / str(pid) / "root", root_of(subject))
        if not _attach_in(roots, path.lstrip("/"), libraries):
            names.late_libraries[subject] = names.late_libraries.get(subject, 0) + 1


def _attach_in(roots: Iterable[Path | None], path: str, libraries: Libraries) -> bool:
    """Attach the file of the first root that has it; False when calls of it may be missed."""
    for root in roots:
        with suppress(OSError):
            if root is not None:
                return libraries.attach(root / path)
    return False


@dataclass(slots=True)
class Libraries:
    """The files whose calls are looked at; each is attached once, for all processes that map it."""

    programs: Programs
    _known: dict[tuple[int, int], bool] = field(default_factory=dict)
    """Device and inode -> whether all calls are looked at that are made from now on."""

    def attach(self, path: Path) -> bool:
        """Look at a file's calls; False when some were missed, or will be: it is new, or could not be attached.

        OSError when there is no such file.
        """
        found = os.stat(path)  # noqa: PTH116  # a path of another root, never to be resolved
        inode = (found.st_dev, found.st_ino)
        if inode in self._known:
            return self._known[inode]
        library = self.programs.attach_tls(path)
        self._known[inode] = library.is_whole
        return not library.has_functions

    def attach_below(self, root: Path) -> None:
        """Look at all that a root file system has, before its programs run."""
        for path in below(root):
            with suppress(OSError):  # a link to nowhere
                self.attach(path)
