"""Records of a log, chosen by their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from policyc.audit.layout import epochs_in, known_epochs
from policyc.audit.record import Record, decode
from policyc.audit.stored import Stored, read_epoch
from policyc.core.errors import PolicycError

EXACT = ("uid", "agent", "user", "namespace", "name", "operation", "verdict", "exception")
"""Fields that a filter compares as they are."""


def records(folder: Path) -> Iterator[tuple[int, int, Record | None]]:
    """(epoch, sequence, record) in order; None for a line that is no record.

    PolicycError PC7050 when there is no log.
    """
    for number in known_epochs(folder):
        for sequence, line in enumerate(read_epoch(folder, number).lines):
            try:
                yield number, sequence, decode(line)
            except ValueError:
                yield number, sequence, None


def matches(record: Record, wanted: Mapping[str, str]) -> bool:
    """Whether a record has the wanted fields.

    Names of ``EXACT``; ``code`` (a reason word, with or without its level); ``since`` and
    ``until``, beginnings of RFC 3339 times, the first inclusive and the second exclusive.
    """
    for name, value in wanted.items():
        match name:
            case "code":
                found = record.get("codes")
                codes = [str(code) for code in found] if isinstance(found, list) else []
                fits = any(value in (code, code.partition(":")[0]) for code in codes)
            case "since":
                fits = str(record["time"]) >= value
            case "until":
                fits = str(record["time"]) < value
            case _:
                fits = record.get(name) == value
        if not fits:
            return False
    return True


def find(folder: Path, wanted: str) -> tuple[Stored, int]:
    """The first record of a review uid, or the one at ``EPOCH/SEQUENCE``; PolicycError PC7105."""
    epoch, _, sequence = wanted.partition("/")
    for number in epochs_in(folder):
        stored = read_epoch(folder, number)
        if epoch.isdecimal() and sequence.isdecimal():
            if int(epoch) == number and int(sequence) < len(stored.lines):
                return stored, int(sequence)
            continue
        for at, line in enumerate(stored.lines):
            if wanted.encode() in line and _uid(line) == wanted:
                return stored, at
    raise PolicycError(
        "PC7105",
        f"there is no record `{wanted}` in `{folder}`",
        help="name a review uid, or EPOCH/SEQUENCE as `policyc audit show` prints them",
    )


def _uid(line: bytes) -> str | None:
    try:
        return str(decode(line).get("uid"))
    except ValueError:
        return None
