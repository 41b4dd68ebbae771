"""What was seen elsewhere cannot be taken back: cut tails, older copies, forks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.logs import KEY, OTHER_KEY, Clock, asked, closed_log, copied, decided, fill, opened

from policyc.audit.anchors import read_anchors
from policyc.audit.fault import Reason
from policyc.audit.receipt import Receipt
from policyc.audit.verify import verify
from policyc.core.errors import PolicycError, VerificationError

KEYS = (KEY.verifier,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


def events(*receipts: Receipt) -> str:
    """The API server's audit log: the webhook's name stands before each annotation."""
    rows = [
        {"kind": "Event", "annotations": {f"validate.policyc.dev/{k}": v for k, v in r.annotations().items()}}
        for r in receipts
    ]  # fmt: skip
    rows.insert(0, {"kind": "Event", "annotations": {"authorization.k8s.io/decision": "allow"}})
    rows.append({"kind": "Event"})
    return "".join(json.dumps(row) + "\n" for row in rows)


def seen(folder: Path, anchor: Path) -> list[tuple[int, int | None, Reason]]:
    report = verify(folder, KEYS, read_anchors([anchor], KEYS))
    assert report.anchors
    return [(f.epoch, f.sequence, f.reason) for f in report.faults]


@pytest.mark.parametrize("kind", ["checkpoint", "annotation"])
def test_an_older_copy_is_found(folder: Path, anchor: Path, kind: str) -> None:
    """The copy is whole and signed: only who saw more of the log can tell."""
    older = folder.with_name("older")
    with opened(folder, strict=True) as log:
        fill(log, 0, 3)
        copied(folder, older)
        receipt = log.append(asked("later"), decided("later"))
        assert receipt
        if kind == "checkpoint":
            anchor.write_bytes(log.checkpoint)
        else:
            anchor.write_text(events(receipt))
    assert seen(folder, anchor) == []
    assert verify(older, KEYS).faults == ()
    assert seen(older, anchor) == [(1, 4, Reason.TRUNCATION)]


@pytest.mark.parametrize("kind", ["checkpoint", "annotation"])
def test_a_fork_is_found(folder: Path, anchor: Path, kind: str) -> None:
    """Two logs of one name and key that say different things, each whole."""
    receipts = []
    for home, word in ((folder, "one"), (folder.with_name("two"), "two")):
        with opened(home, strict=True) as log:
            fill(log, 0, 2)
            receipts.append(log.append(asked(word), decided(word)))
            anchor.write_bytes(log.checkpoint)
    if kind == "annotation":
        anchor.write_text(events(*(r for r in receipts[1:] if r)))
    assert seen(folder.with_name("two"), anchor) == []
    sequence = None if kind == "checkpoint" else 3
    assert seen(folder, anchor) == [(1, sequence, Reason.FORK)]


def test_a_missing_last_epoch_is_found(folder: Path, anchor: Path) -> None:
    closed_log(folder, 2)
    with opened(folder, clock=Clock()) as log:
        anchor.write_bytes(log.checkpoint)
    assert seen(folder, anchor) == []
    shutil.rmtree(folder / "000002")
    assert verify(folder, KEYS).faults == ()
    assert seen(folder, anchor) == [(2, None, Reason.GAP)]


def test_the_annotations_of_other_replicas_are_not_ours(folder: Path, anchor: Path) -> None:
    closed_log(folder, 2)
    other = Receipt(900, 900, "replica-b/000001", "A" * 43 + "=")
    anchor.write_text(events(other))
    report = verify(folder, KEYS, read_anchors([anchor], KEYS))
    assert (report.anchors, report.faults) == (0, ())


def test_a_checkpoint_of_another_log_is_a_fork(folder: Path, anchor: Path) -> None:
    closed_log(folder, 2)
    with opened(folder.with_name("other")) as log:
        anchor.write_bytes(log.checkpoint.replace(b"replica-a", b"replica-b"))
    report = verify(folder, None, read_anchors([anchor], None))
    assert [fault.reason for fault in report.faults] == [Reason.FORK]


def test_an_anchor_must_be_one(folder: Path, anchor: Path) -> None:
    closed_log(folder, 1)
    checkpoint = (folder / "000001" / "checkpoint").read_bytes()
    anchor.write_bytes(checkpoint)
    with pytest.raises(VerificationError, match="none of the given keys"):
        read_anchors([anchor], (OTHER_KEY.verifier,))
    anchor.write_bytes(checkpoint.replace(b"\n4\n", b"\n5\n").replace(b"\n3\n", b"\n9\n"))
    with pytest.raises(VerificationError, match="does not hold"):
        read_anchors([anchor], KEYS)
    anchor.write_bytes(b"{not json\n")
    with pytest.raises(PolicycError, match="holds no audit events"):
        read_anchors([anchor], KEYS)
