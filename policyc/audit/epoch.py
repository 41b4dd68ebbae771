"""One epoch on disk: an append-only file, its tiles and its newest checkpoint."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import deque
from pathlib import Path

from policyc.audit.checkpoint import Checkpoint
from policyc.audit.layout import CHECKPOINT, RECORDS, epoch_folder
from policyc.audit.merkle import Tiles, leaf_hash, tile_path
from policyc.core.errors import PolicycError
from policyc.core.files import write_file
from policyc.signing.keys import Signer


class Epoch:
    """``write`` and ``sync`` may run in two threads; each of them in one at a time only."""

    def __init__(self, folder: Path, name: str, number: int) -> None:
        """Create the epoch's folder and its empty file; OSError when that cannot be."""
        self.number = number
        self.origin = f"{name}/{number:06}"
        self.records = 0
        self.head = b""
        self.signed = Checkpoint(self.origin, 0, b"")
        self.note = b""
        self._home = epoch_folder(folder, number)
        self._home.mkdir()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._home / RECORDS, flags, 0o640)
        self._length = 0
        self._fresh: deque[bytes] = deque()  # written, and not yet in the tree
        self._tiles = Tiles()
        self._full: list[tuple[int, int, bytes]] = []
        for path in (self._home, folder):
            _sync_folder(path)

    @property
    def unsigned(self) -> int:
        """How many records no checkpoint covers yet."""
        return self.records - self.signed.size

    def write(self, entry: bytes) -> None:
        """Append one record, whole or not at all.

        Raises OSError when the file has no room, and PolicycError PC7104 when the half
        that was written cannot be taken back: nothing may follow it then.
        """
        line = entry + b"\n"
        try:
            done = os.write(self._file, line)
            while done < len(line):
                done += os.write(self._file, line[done:])
        except OSError:
            self._take_back()
            raise
        self._length += len(line)
        self.head = leaf_hash(entry)
        self._fresh.append(self.head)
        self.records += 1

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._length)
        except OSError as fault:
            raise PolicycError(
                "PC7104",
                f"a half-written record cannot be taken back: {fault.strerror}",
                help="restart: the next epoch names what is left of this one",
            ) from fault

    def sync(self, signer: Signer) -> None:
        """Put all records on disk, then a checkpoint over them.

        In this order, so that a checkpoint never speaks of what is not there.  Raises
        OSError when the records could not be synced (what is on disk is then unknown),
        PolicycError PC7053 when they were, and the checkpoint could not be written.
        """
        while self._fresh:
            self._full += self._tiles.add(self._fresh.popleft())
        os.fsync(self._file)
        checkpoint = Checkpoint(self.origin, self._tiles.size, self._tiles.root())
        note = checkpoint.signed(signer)
        write_file(self._home / CHECKPOINT, note)
        self.signed, self.note = checkpoint, note

    def write_tiles(self) -> None:
        """Write the tiles of the newest checkpoint; PolicycError PC7053.

        They follow from the records: nobody has to wait for them.
        """
        while self._full:
            level, index, data = self._full[0]
            self._write_tile(tile_path(level, index), data)
            # The wider tile holds all that its partial ones did.
            shutil.rmtree(self._home / f"{tile_path(level, index)}.p", ignore_errors=True)
            self._full.pop(0)
        for level, index, data in self._tiles.partial():
            self._write_tile(tile_path(level, index, len(data) // 32), data)

    def _write_tile(self, name: str, data: bytes) -> None:
        path = self._home / name
        if path.exists():
            return  # a tile never changes
        with contextlib.suppress(OSError):  # the write says it better
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def discard(self) -> None:
        """Remove an epoch that could not be begun: nobody was told of anything in it."""
        self.close()
        shutil.rmtree(self._home, ignore_errors=True)


def _sync_folder(path: Path) -> None:
    """Make the names in a folder durable (fsync(2), notes)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
