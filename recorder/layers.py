"""The files behind a container's root file system.

A probe holds the mount that its file was found by.  One by way of a container's own mount would keep that from being
unmounted, and the container from being removed; so files are looked up in the layers of the image, which lie in a
file system of the host and are the very inodes that programs map.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTS = "mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")
_IN_PLACES = re.compile(rb"[ \t\n\\]")
"""What the kernel writes as octal numbers in a mount point (show_mountinfo of fs/proc_namespace.c, Linux 6.18)."""
_PART = re.compile(rb"(?:\\134(?:\\[0-7]{3}|.)|[^:])+")
"""One of several folders: they stand between colons, of which one behind a backslash is part of a name."""
_OWN_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ABOVE = 3
"""So far above the upper folder may lie what lower ones are relative to: containerd shortens long lists so."""


@dataclass(frozen=True, slots=True)
class RootFileSystem:
    """A container's, at ``path`` as this process sees it; ``folders`` are its layers, the uppermost first.

    ``is_mount``: it is a mount of its own, so nothing is to be attached by way of it.
    """

    path: Path
    is_mount: bool
    folders: tuple[Path, ...] = ()

    def behind(self, path: Path) -> Path | None:
        """The file of a layer, or of the folder itself, that a path below ``path`` shows; None when none is known.

        OSError when there is nothing at the path.
        """
        if not self.is_mount:
            return path
        shown = identity(path)
        relative = path.relative_to(self.path)
        for folder in self.folders:
            found = folder / relative
            if found.is_file() and identity(found) == shown:
                return found
        return None


def root_file_system(path: Path, host: Path) -> RootFileSystem:
    """What lies at ``path``; ``host`` is where the host's root is.  Linear in the number of mounts."""
    return _mounted(path, Path("/proc/self") / MOUNTS, os.fsencode(path), host)


def root_of_process(process: Path, host: Path) -> RootFileSystem:
    """What a process has as its root, by its folder in /proc; OSError when it is gone.  Linear in its mounts."""
    return _mounted(process / "root", process / MOUNTS, b"/", host)


def _mounted(path: Path, mounts: Path, place: bytes, host: Path) -> RootFileSystem:
    # <id> <parent> <device> <root> <mount point> <options> ... - <type> <source> <options> (proc_pid_mountinfo(5))
    place = _IN_PLACES.sub(lambda found: b"\\%03o" % ord(found[0]), place)
    lines = [
        line
        for line in mounts.read_bytes().split(b"\n")
        if place in line and line.split(b" ")[4] == place
    ]
    if not lines:
        return RootFileSystem(path, is_mount=False)
    kind, _, options = lines[-1].partition(b" - ")[2].split(b" ", 2)
    folders = tuple(_folders(options, host)) if kind == b"overlay" else ()
    return RootFileSystem(path, is_mount=True, folders=folders)


def identity(path: Path) -> tuple[int, int, int, int]:
    """Inode, size, blocks and time of change: of a file of a layer also where it shows through the overlay.

    Each overlay has a device number of its own, but the inode number shows through
    (Documentation/filesystems/overlayfs.rst, Linux 6.18, "Inode properties").  That says which of the layers has
    it, and nothing of files elsewhere: one on another device may have the same.  A file whose layer has only its
    metadata (metacopy=on) shows the blocks of another one, which is what programs map.  OSError when there is none.
    """
    found = os.stat(path)  # noqa: PTH116  # a path of another root, never to be resolved
    return found.st_ino, found.st_size, found.st_blocks, found.st_mtime_ns


def _folders(options: bytes, host: Path) -> Iterator[Path]:
    """The upper folder, and the lower ones from top to bottom (Documentation/filesystems/overlayfs.rst)."""
    pairs = [option.partition(b"=")[::2] for option in options.strip().split(b",")]
    upper = [name for option, value in pairs if option == b"upperdir" for name in _readings(value)]
    yield from (host / name.lstrip("/") for name in upper)
    bases = [above for name in upper for above in Path(name).parents[:_ABOVE]]
    for name in _lower(pairs):
        starts = [Path("/")] if name.startswith("/") else bases
        yield from (host / str(base / name).lstrip("/") for base in starts)


def _lower(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    for option, value in pairs:
        if option == b"lowerdir":
            for part in _PART.findall(value):
                yield from _readings(part)
        elif option == b"lowerdir+":  # one folder, as it is called (Linux 6.7)
            yield _path(value)


def _readings(shown: bytes) -> Iterator[str]:
    """What a folder may be called that stands in an option as it was given: there backslashes escape.

    Linux 6.5 and 6.6 show the name itself, in which they do not.  What is wrong of the two is not there.
    """
    plain = _path(shown)
    meant = os.fsdecode(_OWN_ESCAPE.sub(rb"\1", os.fsencode(plain)))
    yield from dict.fromkeys((meant, plain))


def _path(shown: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), shown))
