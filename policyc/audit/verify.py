"""Judges a whole log: its epochs, their order, and what others have seen of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from policyc.audit.anchors import Anchor
from policyc.audit.checkpoint import Checkpoint, as_base64
from policyc.audit.fault import Fault, Reason
from policyc.audit.judge import judge
from policyc.audit.layout import Left, known_epochs
from policyc.audit.merkle import root_of
from policyc.audit.record import Kind, Record, decode
from policyc.audit.stored import Stored, read_epoch
from policyc.signing.keys import Verifier


@dataclass(frozen=True, slots=True)
class Summary:
    """An epoch in numbers: ``signed`` of its ``records`` stand below its checkpoint."""

    epoch: int
    name: str
    records: int
    signed: int
    torn: int
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Report:
    """``anchors``: how many of those given speak of this log."""

    epochs: tuple[Summary, ...]
    faults: tuple[Fault, ...]
    anchors: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is kept of an epoch: hashes, not records."""

    left: Left
    leaves: list[bytes]
    first: Record | None
    last: Record | None
    faults: list[Fault]

    @property
    def name(self) -> str:
        return str(self.first.get("log", "")) if self.first else ""

    @property
    def origin(self) -> str:
        return f"{self.name}/{self.left.epoch:06}"


def verify(
    folder: Path, verifiers: Iterable[Verifier] | None = None, anchors: Iterable[Anchor] = ()
) -> Report:
    """What is wrong with a log; without keys, signatures are not checked.

    PolicycError PC7050 when there is no log or it cannot be read.
    """
    keys = None if verifiers is None else tuple(verifiers)
    numbers = known_epochs(folder)
    epochs = {number: _judged(read_epoch(folder, number), keys) for number in numbers}
    faults = [*_gaps(numbers)]
    for number, epoch in epochs.items():
        faults += epoch.faults
        faults += _linked(epochs.get(number - 1), epoch)
    used = [anchor for anchor in anchors if _is_ours(anchor, epochs.values())]
    faults += [fault for anchor in used for fault in _anchored(anchor, epochs)]
    summaries = tuple(_summary(epoch) for epoch in epochs.values())
    return Report(summaries, _in_order(faults), len(used))


def _in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The first bad record first; each thing said once."""

    def place(fault: Fault) -> tuple[int, bool, int, str, str]:
        at = fault.sequence
        return fault.epoch, at is None, at or 0, fault.reason, fault.message

    return tuple(sorted(set(faults), key=place))


def _gaps(numbers: list[int]) -> Iterator[Fault]:
    for number in sorted(set(range(1, numbers[-1])) - set(numbers)):
        yield Fault(number, None, Reason.GAP, "the epoch is missing, and a later one is there")


def _judged(stored: Stored, keys: tuple[Verifier, ...] | None) -> _Judged:
    checkpoint, faults = judge(stored, keys)
    left = Left(
        stored.number,
        checkpoint.size if checkpoint else 0,
        as_base64(checkpoint.root) if checkpoint else "",
        len(stored.lines),
        as_base64(stored.leaves[-1]) if stored.leaves else "",
        len(stored.torn),
    )
    return _Judged(left, stored.leaves, _record(stored, 0), _record(stored, -1), faults)


def _record(stored: Stored, index: int) -> Record | None:
    try:
        return decode(stored.lines[index])
    except (ValueError, IndexError):
        return None


def _linked(earlier: _Judged | None, later: _Judged) -> Iterator[Fault]:
    """Whether an epoch ended as the next one's first record says, when that can be trusted."""
    if later.first is None or any(not fault.sequence for fault in later.faults):
        return
    number = later.left.epoch - 1
    match later.first.get("earlier"):
        case None if number == 0:
            return
        case {"records": int(records), "head": str(head), "size": int(), "root": str()} as named:
            if earlier is None:
                return  # the gap is said already
        case _:
            yield Fault(number + 1, 0, Reason.EDIT, "it does not name the epoch before it")
            return
    now = earlier.left
    if now.records < records:
        message = f"records {now.records} to {records - 1} are gone: the next epoch names them"
        yield Fault(number, now.records, Reason.TRUNCATION, message)
    elif now.records > records:
        message = f"the epoch had ended with record {records - 1}: the next one says so"
        yield Fault(number, records, Reason.EDIT, message)
    elif now.head != head:
        message = "it is not the last record that the next epoch names"
        yield Fault(number, records - 1, Reason.EDIT, message)
    elif named != now.to_json() and not earlier.faults:
        message = "its checkpoint or its torn end is not what the next epoch names"
        yield Fault(number, None, Reason.FORK, message)


def _is_ours(anchor: Anchor, epochs: Iterable[_Judged]) -> bool:
    name = anchor.origin.rpartition("/")[0]
    return isinstance(anchor, Checkpoint) or any(epoch.name == name for epoch in epochs)


def _anchored(anchor: Anchor, epochs: dict[int, _Judged]) -> Iterator[Fault]:
    """Whether the log still holds what somebody else has seen of it."""
    number = int(anchor.origin.rpartition("/")[2]) if anchor.origin[-6:].isdigit() else 0
    epoch = epochs.get(number)
    if epoch is None or (epoch.first is not None and epoch.origin != anchor.origin):
        at = "is missing" if epoch is None else f"is one of `{epoch.name}`"
        reason = Reason.GAP if epoch is None else Reason.FORK
        yield Fault(number, None, reason, f"an anchor names `{anchor.origin}`, and the epoch {at}")
        return
    leaves = epoch.leaves
    needed = anchor.size if isinstance(anchor, Checkpoint) else anchor.sequence + 1
    if needed > len(leaves):
        message = f"records {len(leaves)} to {needed - 1} are gone: an anchor has seen them"
        yield Fault(number, len(leaves), Reason.TRUNCATION, message)
    elif isinstance(anchor, Checkpoint):
        if root_of(leaves[: anchor.size]) != anchor.root:
            message = f"an anchor has seen other records: one of the first {anchor.size} differs"
            yield Fault(number, None, Reason.FORK, message)
    elif leaves[anchor.sequence] != anchor.leaf:
        message = "the API server's audit log has seen another record here"
        yield Fault(number, anchor.sequence, Reason.FORK, message)


def _summary(epoch: _Judged) -> Summary:
    left = epoch.left
    is_closed = epoch.last is not None and epoch.last["kind"] == Kind.CLOSE
    return Summary(left.epoch, epoch.name, left.records, left.size, left.torn, is_closed)
