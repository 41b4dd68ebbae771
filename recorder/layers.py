"""The files behind a container's root file system.

A probe holds the mount that its file was found by.  One by way of a container's own mount would keep that from being
unmounted, and the container from being removed; so files are looked up in the layers of the image, which lie in a
file system of the host and are the very inodes that programs map.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTS = "mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")
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
    place = place.replace(b" ", b"\\040")
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


def identity(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of change: of a file of a layer also where it shows through the overlay.

    Each overlay has a device number of its own, but the inode number shows through
    (Documentation/filesystems/overlayfs.rst, Linux 6.18, "Inode properties").  That says which of the layers has
    it, and nothing of files elsewhere: one on another device may have the same.  OSError when there is none.
    """
    found = os.stat(path)  # noqa: PTH116  # a path of another root, never to be resolved
    return found.st_ino, found.st_size, found.st_mtime_ns


def _folders(options: bytes, host: Path) -> Iterator[Path]:
    """The upper folder, and the lower ones from top to bottom (Documentation/filesystems/overlayfs.rst)."""
    pairs = [option.partition(b"=")[::2] for option in options.strip().split(b",")]
    upper = [_path(value) for name, value in pairs if name == b"upperdir"]
    lower = [
        _path(part)
        for name, value in pairs
        if name.startswith(b"lowerdir")
        for part in value.split(b":")
        if part
    ]
    yield from (host / name.lstrip("/") for name in upper)
    bases = [above for name in upper for above in Path(name).parents[:_ABOVE]]
    for name in lower:
        starts = [Path("/")] if name.startswith("/") else bases
        yield from (host / str(base / name).lstrip("/") for base in starts)


def _path(escaped: bytes) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), escaped))
