"""Judges one epoch by itself: its checkpoint, its records, its tiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from policyc.audit.checkpoint import Checkpoint, as_base64, read_checkpoint
from policyc.audit.fault import Fault, Reason
from policyc.audit.merkle import root_of
from policyc.audit.record import Kind, Record, decode, read_time
from policyc.audit.stored import Stored
from policyc.core.errors import VerificationError
from policyc.signing.keys import Verifier

_WIDTH = 256
_TILE = re.compile(
    r"tile/([0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]*))?"
)


def judge(
    stored: Stored, verifiers: Iterable[Verifier] | None
) -> tuple[Checkpoint | None, list[Fault]]:
    """The epoch's checkpoint, and what is wrong with the epoch, the first bad record first."""
    checkpoint, faults = _checkpoint(stored, verifiers)
    bad = _first_bad(stored, checkpoint)
    if bad is not None:
        return checkpoint, [bad, *faults]
    return checkpoint, [*faults, *_tiles(stored)]


def _checkpoint(
    stored: Stored, verifiers: Iterable[Verifier] | None
) -> tuple[Checkpoint | None, list[Fault]]:
    number = stored.number
    if stored.checkpoint is None:
        # The first record is written, then signed, and only then is anybody answered.
        if len(stored.lines) <= 1:
            return None, []
        return None, [Fault(number, None, Reason.SIGNATURE, "there is no checkpoint")]
    try:
        checkpoint = read_checkpoint(stored.checkpoint, verifiers)
    except VerificationError as fault:
        return None, [Fault(number, None, Reason.SIGNATURE, fault.message)]
    return checkpoint, []


def _first_bad(stored: Stored, checkpoint: Checkpoint | None) -> Fault | None:
    """The first record that is not as it was written.

    Where the checkpoint does not fit, the leaf hashes in the tiles say which record it
    is, if they are the signed ones; else the chain of hashes does.
    """
    size = checkpoint.size if checkpoint is not None else 0
    if checkpoint is None or root_of(stored.leaves[:size]) == checkpoint.root:
        # What stands below `size` is what was signed; only what follows can be wrong.
        return next(_chain(stored, checkpoint, size), None)
    signed = [*_hashes(stored.tiles, size)]
    if len(signed) == size and root_of(signed) == checkpoint.root:
        return _compared(stored, signed)
    bad = next(_chain(stored, checkpoint, 0), None)
    if len(stored.leaves) < size and bad is None:
        return _cut(stored, size)
    if bad is not None:
        return bad
    message = "the records are not the signed ones, and were chained anew from an unknown one on"
    return Fault(stored.number, None, Reason.EDIT, message)


def _compared(stored: Stored, signed: list[bytes]) -> Fault:
    """The first record whose hash is not the signed one; there is one."""
    leaves = stored.leaves
    at = next((i for i, (a, b) in enumerate(zip(leaves, signed, strict=False)) if a != b), None)
    if at is None:
        return _cut(stored, len(signed))
    if leaves[at] in signed[at:]:
        if signed[at] in leaves[at:]:
            return Fault(stored.number, at, Reason.ORDER, "a later record stands in its place")
        return Fault(stored.number, at, Reason.REMOVAL, "it is gone, and later ones follow")
    return Fault(stored.number, at, Reason.EDIT, "it is not the record that was signed")


def _cut(stored: Stored, size: int) -> Fault:
    at = len(stored.lines)
    return Fault(stored.number, at, Reason.TRUNCATION, f"records {at} to {size - 1} are gone")


def _chain(stored: Stored, checkpoint: Checkpoint | None, known: int) -> Iterator[Fault]:
    """What does not follow from record to record; the first ``known`` are the signed ones."""
    number = stored.number
    previous: Record | None = None
    for at, line in enumerate(stored.lines):
        try:
            record = decode(line)
            yield from _follows(stored, at, record, previous, checkpoint, known)
        except ValueError as fault:
            yield Fault(number, at, Reason.EDIT, str(fault))
            return
        previous = record
    if previous is not None and previous["kind"] == Kind.CLOSE and stored.torn:
        message = "there are bytes after the closing record"
        yield Fault(number, len(stored.lines), Reason.EDIT, message)


def _follows(
    stored: Stored,
    at: int,
    record: Record,
    previous: Record | None,
    checkpoint: Checkpoint | None,
    known: int,
) -> Iterator[Fault]:
    number = stored.number
    sequence = record["sequence"]
    if sequence != at:
        later = isinstance(sequence, int) and sequence > at
        message = f"record {sequence} stands in its place"
        yield Fault(number, at, Reason.REMOVAL if later else Reason.ORDER, message)
    before = as_base64(stored.leaves[at - 1]) if at else ""
    if record["before"] != before:
        # One of the two was changed: the later one if the earlier is known, or if what
        # follows does not fit the later one either.
        is_later = at <= known or not _is_before(stored, at)
        bad = at if is_later else at - 1
        yield Fault(number, bad, Reason.EDIT, f"record {at} was not written after record {at - 1}")
    if (record["kind"] == Kind.EPOCH) != (at == 0):
        yield Fault(
            number, at, Reason.EDIT, "an epoch begins with its first record, and only there"
        )
    if previous is None:
        origin = f"{record.get('log')}/{number:06}"
        if record.get("epoch") != number or (checkpoint and checkpoint.origin != origin):
            yield Fault(number, at, Reason.FORK, f"it begins epoch {record.get('epoch')} of `{record.get('log')}`")  # fmt: skip
    elif previous["kind"] == Kind.CLOSE:
        yield Fault(number, at, Reason.EDIT, "it stands after the closing record")
    elif read_time(record) < read_time(previous):
        yield Fault(number, at, Reason.EDIT, "its time is before that of the record before it")


def _is_before(stored: Stored, at: int) -> bool:
    """Whether the record after this one, if any, was written after it."""
    if at + 1 == len(stored.lines):
        return True
    try:
        return decode(stored.lines[at + 1])["before"] == as_base64(stored.leaves[at])
    except ValueError:
        return False


def _hashes(tiles: dict[str, bytes], size: int) -> Iterator[bytes]:
    """The first ``size`` leaf hashes, as far as the tiles of level 0 hold them."""
    widest: dict[int, bytes] = {}
    for path, data in tiles.items():
        match = _TILE.fullmatch(path)
        if match and match[1] == "0" and len(data) > len(widest.get(_index(match[2]), b"")):
            widest[_index(match[2])] = data
    for start in range(0, size, _WIDTH):
        data = widest.get(start // _WIDTH, b"")[: 32 * (size - start)]
        yield from (data[i : i + 32] for i in range(0, len(data), 32))


def _tiles(stored: Stored) -> Iterator[Fault]:
    """Files beside the records that are not what the records give."""
    levels = [stored.leaves]
    while len(levels[-1]) >= _WIDTH:
        row = levels[-1]
        whole = range(0, len(row) - _WIDTH + 1, _WIDTH)
        levels.append([root_of(row[i : i + _WIDTH]) for i in whole])
    for path, data in stored.tiles.items():
        match = _TILE.fullmatch(path)
        width = int(match[3] or _WIDTH) if match else 0
        if match is None or width > _WIDTH or len(data) != 32 * width:
            yield Fault(
                stored.number, None, Reason.TILE, f"`{path}` is no file that the log writes"
            )
            continue
        level, start = int(match[1]), _index(match[2]) * _WIDTH
        row = levels[level] if level < len(levels) else []
        if start + width > len(row):
            at = len(stored.lines)
            yield Fault(stored.number, at, Reason.TRUNCATION, f"`{path}` covers more records")
        elif b"".join(row[start : start + width]) != data:
            yield Fault(stored.number, None, Reason.TILE, f"`{path}` is not what the records give")


def _index(steps: str) -> int:
    return int(steps.replace("x", "").replace("/", ""))
