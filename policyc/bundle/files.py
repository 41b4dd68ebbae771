"""The files of an output folder, exactly those that its manifest lists."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from policyc.bundle.statement import MANIFEST, MOUNTED_SIGNATURE
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.core.strict_json import loads

T = TypeVar("T")
_LARGEST = 64 << 20  # bytes of one file; ours have kilobytes
_THREADS, _AT_A_TIME = 2, 256


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
    found = set(_walk(folder, "")) - {MOUNTED_SIGNATURE}
    for path in sorted(found ^ (listed.keys() | {MANIFEST})):
        raise _wrong(path, "it is not listed" if path in found else "it is missing")
    files = {MANIFEST: manifest}
    for path in sorted(listed):
        files[path] = read_one(folder, path, listed)
    return files


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
    folder: Path, paths: Sequence[str], listed: Mapping[str, str], keep: Callable[[bytes], T]
) -> list[T]:
    """What ``keep`` makes of each file, in the order of the paths; errors as of ``read_one``.

    In threads: reading, hashing and packing wait for no lock of the interpreter.
    """

    def some(start: int) -> list[T]:
        return [keep(read_one(folder, p, listed)) for p in paths[start : start + _AT_A_TIME]]

    with ThreadPoolExecutor(_THREADS) as pool:
        pieces = list(pool.map(some, range(0, len(paths), _AT_A_TIME)))
    return [kept for piece in pieces for kept in piece]


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
    for path in files:
        if path == MANIFEST or not _is_inside(path):
            raise _wrong(path, "no file of the folder can have this name")
    return {path: str(code) for path, code in files.items()}


def _is_inside(path: str) -> bool:
    """Whether it is a plain path below the folder, in its one spelling."""
    return "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def _walk(folder: Path, below: str) -> Iterator[str]:
    try:
        with os.scandir(f"{folder}/{below}") as entries:
            for entry in entries:
                path = below + entry.name
                if entry.is_symlink():
                    raise _wrong(path, "it is a link")
                if entry.is_dir():
                    yield from _walk(folder, path + "/")
                else:
                    yield path
    except OSError as fault:
        raise _wrong(below or folder.as_posix(), f"it cannot be read: {fault.strerror}") from fault


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
