"""Where things lie in a log's folder, and what an epoch left there.

``FOLDER/lock``, and for each epoch ``FOLDER/000001/`` with ``records.jsonl``,
``checkpoint`` and the hash tiles below ``tile/`` (c2sp.org/tlog-tiles).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from policyc.audit.checkpoint import as_base64, read_checkpoint
from policyc.audit.merkle import leaf_hash
from policyc.audit.record import decode, read_time
from policyc.audit.seen import seen_as
from policyc.core.canonical import Json
from policyc.core.errors import PolicycError, VerificationError

RECORDS = "records.jsonl"
CHECKPOINT = "checkpoint"
LOCK = "lock"

_CHUNK = 1 << 20
_UID = re.compile(rb'[{,]"uid":"([^"\\]+)"(?:[^\n]*,"webhook":"([^"\\]+)"\})?')
"""Fields of a canonical record, of which ``webhook`` is the last: inside a text, each quote stands
behind a backslash."""


@dataclass(frozen=True, slots=True)
class Left:
    """What an epoch holds on disk: its last checkpoint, and all whole lines behind it too.

    ``head`` is the leaf hash of the last whole line, ``torn`` the bytes after it.
    """

    epoch: int
    size: int
    root: str
    records: int
    head: str
    torn: int

    def to_json(self) -> dict[str, Json]:
        """How the next epoch's first record names it."""
        return {
            "epoch": self.epoch,
            "size": self.size,
            "root": self.root,
            "records": self.records,
            "head": self.head,
            "torn": self.torn,
        }


def epoch_folder(folder: Path, number: int) -> Path:
    """The folder of an epoch; epochs count from 1."""
    return folder / f"{number:06}"


def epochs_in(folder: Path) -> list[int]:
    """The epochs that are there, in order; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        int(path.name) for path in folder.iterdir() if re.fullmatch(r"[0-9]{6}", path.name)
    )


def known_epochs(folder: Path) -> list[int]:
    """The epochs of a log; PolicycError PC7050 when there is none."""
    numbers = epochs_in(folder)
    if not numbers:
        raise PolicycError(
            "PC7050", f"there is no decision log in `{folder}`", help="name the log's folder"
        )
    return numbers


def left_by(folder: Path, number: int) -> Left:
    """What an epoch left; the checkpoint is taken as it stands, ``audit verify`` judges it."""
    home = epoch_folder(folder, number)
    size, root = 0, ""
    try:
        checkpoint = read_checkpoint((home / CHECKPOINT).read_bytes(), None)
        size, root = checkpoint.size, as_base64(checkpoint.root)
    except (FileNotFoundError, VerificationError):
        pass
    records = sum(chunk.count(b"\n") for chunk in _chunks(home / RECORDS))
    tail = _tail(home / RECORDS, _CHUNK)
    whole, newline, torn = tail.rpartition(b"\n")
    head = as_base64(leaf_hash(whole.rpartition(b"\n")[2])) if newline else ""
    return Left(number, size, root, records, head, len(torn))


def last_time(folder: Path, number: int) -> datetime | None:
    """The time of an epoch's last readable record: no later one was ever written to it."""
    for line in reversed(_tail(epoch_folder(folder, number) / RECORDS, _CHUNK).split(b"\n")):
        try:
            return read_time(decode(line))
        except ValueError:
            continue
    return None


def high_water(folder: Path) -> datetime | None:
    """The latest time that a log's records name: a clock that shows less was put back."""
    for number in reversed(epochs_in(folder)):
        moment = last_time(folder, number)
        if moment is not None:
            return moment
    return None


def recent_reviews(folder: Path, budget_bytes: int) -> Iterator[str]:
    """What was asked in the newest records, as ``Seen`` has it, an epoch at a time, until the budget
    is spent.
    """
    for number in reversed(epochs_in(folder)):
        tail = _tail(epoch_folder(folder, number) / RECORDS, budget_bytes)
        budget_bytes -= len(tail)
        for match in _UID.finditer(tail):
            uid, webhook = (text.decode("utf-8", "replace") for text in match.groups(b""))
            yield seen_as(webhook, uid)
        if budget_bytes <= 0:
            return


def _tail(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - most))
            return stream.read(most)
    except FileNotFoundError:
        return b""


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        return
