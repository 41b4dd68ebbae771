"""The files of an output folder, exactly those that its manifest lists."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from policyc.bundle.statement import MANIFEST, MOUNTED_SIGNATURE
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.core.strict_json import loads

T = TypeVar("T")
_LARGEST = 64 << 20  # bytes of one file; ours have kilobytes
_AT_A_TIME, _WAITING = 64, 4
"""Files that are packed together, and how often as many may wait for that."""


def read_manifest(folder: Path) -> bytes:
    """The bytes of the folder's manifest; VerificationError PC7101."""
    return _read(folder, MANIFEST)


def read_listed(folder: Path, manifest: bytes) -> dict[str, bytes]:
    """Every file by its path below the folder, the manifest too.

    In a mounted volume the signature is one file more.

    A file that is not listed, is missing, differs, or is no regular file of this folder
    (a link, a device) raises VerificationError PC7101; so does a folder that another
    process is writing.
    """
    listed = listed_in(manifest)
    compare_names(folder, listed)
    files = {MANIFEST: manifest}
    for path in sorted(listed):
        files[path] = read_one(folder, path, listed)
    return files


def compare_names(folder: Path, listed: Mapping[str, str]) -> None:
    """The folder holds what is listed and nothing else; VerificationError PC7101."""
    found = set(_walk(f"{folder}/"))
    found.discard(MOUNTED_SIGNATURE)
    for path in sorted(found ^ {*listed, MANIFEST}):
        raise _wrong(path, "it is not listed" if path in found else "it is missing")


def read_one(folder: Path, path: str, listed: Mapping[str, str]) -> bytes:
    """One file as it is listed; VerificationError PC7101.

    What is read has the listed digest, wherever a folder's link may have led.
    """
    if path not in listed:
        raise _wrong(path, "it is not listed")
    data = _read(folder, path)
    if digest(data) != listed[path]:
        raise _wrong(path, "its digest is not the listed one")
    return data


def read_each(
    folder: Path,
    paths: Sequence[str],
    listed: Mapping[str, str],
    pack: Callable[[Sequence[bytes]], list[T]],
) -> list[T]:
    """What ``pack`` makes of the files, in the order of the paths; errors as of ``read_one``.

    It packs some of them, in a thread, while the next ones are read: one long step without the
    interpreter's lock beside many short ones.  To read in two threads took as long as in one.
    """
    found: list[T] = []
    waiting: deque[Future[list[T]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for first in range(0, len(paths), _AT_A_TIME):
            some = [read_one(folder, p, listed) for p in paths[first : first + _AT_A_TIME]]
            waiting.append(pool.submit(pack, some))
            if len(waiting) > _WAITING:
                found += waiting.popleft().result()
        for packed in waiting:
            found += packed.result()
    return found


def listed_in(manifest: bytes) -> Mapping[str, str]:
    """Path -> digest, as a manifest has them; VerificationError PC7101."""
    try:
        document = loads(manifest)
    except ValueError as fault:
        raise _wrong(MANIFEST, str(fault)) from None
    match document:
        case {"kind": "Manifest", "apiVersion": "policyc.dev/v1", "files": dict(files)}:
            pass
        case _:
            raise _wrong(MANIFEST, "it is no manifest")
    # All at once: a plain path has neither an empty part nor another name for itself.
    every = "/".join(["", *files, ""])
    if MANIFEST in files or any(part in every for part in ("//", "/./", "/../", "\0")):
        path = next(path for path in files if path == MANIFEST or not _is_inside(path))
        raise _wrong(path, "no file of the folder can have this name")
    return {path: str(code) for path, code in files.items()}


def _is_inside(path: str) -> bool:
    """Whether it is a plain path below the folder, in its one spelling."""
    return "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def _walk(root: str) -> Iterator[str]:
    """Every file by its path below the folder."""
    folders = [""]
    for below in folders:
        try:
            with os.scandir(root + below) as entries:
                for entry in entries:
                    path = below + entry.name
                    if entry.is_file(follow_symlinks=False):
                        yield path
                    elif entry.is_symlink():
                        raise _wrong(path, "it is a link")
                    elif entry.is_dir():
                        folders.append(path + "/")
                    else:
                        yield path
        except OSError as fault:
            raise _wrong(below or root, f"it cannot be read: {fault.strerror}") from fault


def _read(folder: Path, path: str) -> bytes:
    """The bytes of a regular file; no link is followed, no device waited for."""
    try:
        handle = os.open(f"{folder}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _wrong(path, "it is no regular file")
            if status.st_size > _LARGEST:
                raise _wrong(path, f"it is larger than {_LARGEST >> 20} MiB")
            return os.read(handle, status.st_size)
        finally:
            os.close(handle)
    except OSError as fault:
        raise _wrong(path, f"it cannot be read: {fault.strerror}") from fault


def _wrong(path: str, why: str) -> VerificationError:
    return VerificationError(
        "PC7101",
        f"`{path}`: {why}",
        help="compile and sign again, or find out who changed the folder",
    )
