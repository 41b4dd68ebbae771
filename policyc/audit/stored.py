"""An epoch as it lies on disk, read whole and judged by nobody yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from policyc.audit.layout import CHECKPOINT, RECORDS, epoch_folder
from policyc.audit.merkle import leaf_hash
from policyc.core.errors import PolicycError


@dataclass(frozen=True)
class Stored:
    """``lines`` are the whole ones without their newlines; ``torn`` is what follows the last.

    Memory is about twice the file.
    """

    number: int
    checkpoint: bytes | None
    lines: tuple[bytes, ...]
    torn: bytes
    tiles: dict[str, bytes]
    """Path below the epoch's folder -> bytes, of all other files."""

    @cached_property
    def leaves(self) -> list[bytes]:
        """The leaf hashes of the lines."""
        return [leaf_hash(line) for line in self.lines]


def read_epoch(folder: Path, number: int) -> Stored:
    """Read an epoch, maybe while it is written; PolicycError PC7050.

    The records last, the reverse of how they are written: so they always reach as far as
    the checkpoint and the tiles do.
    """
    home = epoch_folder(folder, number)
    try:
        checkpoint = _bytes(home / CHECKPOINT)
        tiles = {
            path.relative_to(home).as_posix(): data
            for path in sorted(_files(home))
            # A dot begins the name of a file that was not finished when the process died.
            if not path.name.startswith(".")
            if path not in (home / CHECKPOINT, home / RECORDS)
            if (data := _bytes(path)) is not None
        }
        *lines, torn = (_bytes(home / RECORDS) or b"").split(b"\n")
        if checkpoint is None and (home / CHECKPOINT).exists():
            return read_epoch(folder, number)  # the epoch began meanwhile
    except OSError as fault:
        raise PolicycError(
            "PC7050", f"cannot read `{home}`: {fault.strerror}", help="check the permissions"
        ) from fault
    return Stored(number, checkpoint, tuple(lines), torn, tiles)


def _files(home: Path) -> Iterator[Path]:
    """All files below a folder that is there; OSError when one of its folders cannot be read."""
    home.stat()
    for folder, _, files in os.walk(home, onerror=_pass_over_what_is_gone):
        yield from (Path(folder, name) for name in files)


def _pass_over_what_is_gone(fault: OSError) -> None:
    if not isinstance(fault, FileNotFoundError):  # partial tiles go when their full one comes
        raise fault


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a partial tile goes when its full one comes
        return None
