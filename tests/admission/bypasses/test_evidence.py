"""Cases about signed bundles and the decision log.

The parts that need a running webhook (its answer, its metrics, its restart) are tested
where the webhook is.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from support import admission
from support.logs import (
    KEY,
    NOON,
    OTHER_KEY,
    Clock,
    asked,
    closed_log,
    copied,
    crashed_log,
    decided,
    fill,
    opened,
)

from policyc.admission.bundle import read_bundle
from policyc.audit.anchors import read_anchors
from policyc.audit.fault import Reason
from policyc.audit.layout import RECORDS
from policyc.audit.receipt import LogUnavailableError
from policyc.audit.record import decode
from policyc.audit.stored import read_epoch
from policyc.audit.verify import verify
from policyc.bundle.load import load_signed
from policyc.bundle.sign import sign_folder
from policyc.bundle.statement import signature_path
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.pipeline.output import replace_tree

KEYS = (KEY.verifier,)


def case(number: str) -> pytest.MarkDecorator:
    """The test's id begins with the case's."""
    return pytest.mark.parametrize("case_id", [pytest.param(None, id=number)])


def built(folder: Path, serial: int) -> Path:
    """The research agent's build, signed."""
    replace_tree(folder, admission.files())
    sign_folder(folder, KEY, serial)
    return folder


def unsigned(folder: Path) -> None:
    signature_path(folder).unlink()


def bad_signature(folder: Path) -> None:
    path = signature_path(folder)
    path.write_bytes(path.read_bytes().replace(b"serial 5", b"serial 6"))


def wrong_key(folder: Path) -> None:
    signature_path(folder).unlink()
    sign_folder(folder, OTHER_KEY, 5)


def older_serial(folder: Path) -> None:
    signature_path(folder).unlink()
    sign_folder(folder, KEY, 4)


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(f, id=f"J6-{f.__name__}")
        for f in (unsigned, bad_signature, wrong_key, older_serial)
    ],
)
def test_a_bundle_that_does_not_verify_is_refused(
    tmp_path: Path, tamper: Callable[[Path], None]
) -> None:
    folder = built(tmp_path / "out", 5)
    assert load_signed(folder, KEYS, 5).serial == 5
    tamper(folder)
    with pytest.raises(VerificationError):
        load_signed(folder, KEYS, 5)


@case("D10")
def test_the_bundle_says_what_the_profile_on_a_node_must_be(tmp_path: Path, case_id: None) -> None:
    """Admission sees no node: whoever compares a node's copy has a signed digest to compare with."""
    folder = built(tmp_path / "out", 5)
    (profile,) = folder.glob("research/seccomp-*.json")
    listed = json.loads((folder / "manifest.json").read_bytes())["files"]
    assert listed[profile.relative_to(folder).as_posix()] == digest(profile.read_bytes())
    profile.write_bytes(profile.read_bytes().replace(b"SCMP_ACT_ERRNO", b"SCMP_ACT_ALLOW"))
    with pytest.raises(VerificationError, match="seccomp"):
        load_signed(folder, KEYS, 5)


@case("J8")
def test_each_replica_says_which_build_decided(tmp_path: Path, case_id: None) -> None:
    said = []
    for replica, serial in (("a", 5), ("b", 6)):
        files, number = load_signed(built(tmp_path / replica, serial), KEYS)
        bundle = read_bundle(files, number)
        request = admission.request(admission.pod())
        with opened(tmp_path / f"log-{replica}") as log:
            log.append(request, admission.judge(request), serial=bundle.serial)
        record = decode(read_epoch(tmp_path / f"log-{replica}", 1).lines[1])
        said.append((record["bundle"], record["serial"], record["verdict"]))
    assert said == [(bundle.digest, 5, "allow"), (bundle.digest, 6, "allow")]


def edited(folder: Path) -> None:
    path = folder / "000001" / RECORDS
    path.write_bytes(path.read_bytes().replace(b'"uid":"uid-2"', b'"uid":"uid-9"'))


def rows(folder: Path) -> list[bytes]:
    return (folder / "000001" / RECORDS).read_bytes().splitlines(keepends=True)


def write(folder: Path, lines: list[bytes]) -> None:
    (folder / "000001" / RECORDS).write_bytes(b"".join(lines))


def removed(folder: Path) -> None:
    write(folder, [*rows(folder)[:3], *rows(folder)[4:]])


def reordered(folder: Path) -> None:
    a, b, c, d, e, *rest = rows(folder)
    write(folder, [a, b, c, e, d, *rest])


def truncated(folder: Path) -> None:
    write(folder, rows(folder)[:3])


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        pytest.param(edited, Reason.EDIT, id="K12-edited"),
        pytest.param(removed, Reason.REMOVAL, id="K12-removed"),
        pytest.param(reordered, Reason.ORDER, id="K12-reordered"),
        pytest.param(truncated, Reason.TRUNCATION, id="K12-truncated"),
    ],
)
def test_a_changed_log_is_found(
    tmp_path: Path, tamper: Callable[[Path], None], reason: Reason
) -> None:
    folder = closed_log(tmp_path / "log", 6)
    tamper(folder)
    fault = verify(folder, KEYS).faults[0]
    assert (fault.epoch, fault.sequence, fault.reason) == (1, 3, reason)


@case("K12-tail")
def test_a_cut_tail_is_seen_by_who_kept_a_checkpoint(tmp_path: Path, case_id: None) -> None:
    folder, older = tmp_path / "log", tmp_path / "older"
    with opened(folder, strict=True) as log:
        fill(log, 0, 2)
        copied(folder, older)
        fill(log, 2, 2)
        (tmp_path / "anchor").write_bytes(log.checkpoint)
    anchors = read_anchors([tmp_path / "anchor"], KEYS)
    assert verify(folder, KEYS, anchors).faults == ()
    (fault,) = verify(older, KEYS, anchors).faults
    assert (fault.sequence, fault.reason) == (3, Reason.TRUNCATION)


@case("K1-log")
def test_a_kill_costs_no_more_than_the_unacknowledged_end(tmp_path: Path, case_id: None) -> None:
    folder = crashed_log(tmp_path / "log", signed=3, unsigned=2, torn=100)
    assert verify(folder, KEYS).faults == ()
    with opened(folder) as log:
        fill(log, 9, 1)
    report = verify(folder, KEYS)
    assert (report.faults, report.epochs[0].records) == ((), 6)


@pytest.mark.parametrize(
    "strict", [pytest.param(True, id="K11-strict"), pytest.param(False, id="K11-default")]
)
def test_a_full_disk_is_never_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    with opened(tmp_path / "log", strict=strict) as log:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", no_space)
            if strict:
                with pytest.raises(LogUnavailableError, match="No space left"):
                    log.append(asked("u"), decided("u"))
            else:
                assert log.append(asked("u"), decided("u")) is None
        assert (log.health.lost, "No space left" in log.health.fault) == (1, True)
        assert log.append(asked("v"), decided("v"))
        assert log.health.fault == ""
    records = [decode(line) for line in read_epoch(tmp_path / "log", 1).lines]
    assert [record["kind"] for record in records] == ["epoch", "gap", "decision", "close"]


def no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@case("H20")
def test_a_clock_put_back_brings_nothing_back(tmp_path: Path, case_id: None) -> None:
    """What ended yesterday stays ended, after a restart too."""
    clock = Clock(NOON)
    with opened(tmp_path / "log", clock=clock) as log:
        fill(log, 0, 1)
        clock.moment = NOON - timedelta(days=1)
        assert log.now() >= NOON
        fill(log, 1, 1)
    with opened(tmp_path / "log", clock=clock) as log:
        assert log.now() >= NOON
        assert log.now().date() == NOON.date()
    records = [decode(line) for line in read_epoch(tmp_path / "log", 2).lines]
    assert all(str(r["clock"]) < "2026-09-01" <= str(r["time"]) for r in records)


@pytest.mark.parametrize(
    "is_restarted", [pytest.param(False, id="B22"), pytest.param(True, id="K20")]
)
def test_a_repeated_review_is_marked(tmp_path: Path, is_restarted: bool) -> None:
    """The same answer twice; the second record says that it is one."""
    folder = tmp_path / "log"
    request = admission.request(admission.pod())
    verdicts = [admission.judge(request), admission.judge(request)]
    assert verdicts[0] == verdicts[1]
    log = opened(folder)
    log.append(request, verdicts[0])
    if is_restarted:
        log.close()
        log = opened(folder)
    log.append(asked("another"), decided("another"))
    log.append(request, verdicts[1])
    log.close()
    records = [
        decode(line)
        for number in range(1, 2 + is_restarted)
        for line in read_epoch(folder, number).lines
    ]
    marks = [(r["uid"], r.get("repeat")) for r in records if r["kind"] == "decision"]
    assert marks == [(request.uid, None), ("another", None), (request.uid, True)]
    assert verify(folder, KEYS).faults == ()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_review_that_both_webhooks_are_asked_about_is_no_repeated_one(
    tmp_path: Path, is_restarted: bool
) -> None:
    folder = tmp_path / "log"
    log = opened(folder)
    for webhook in ("mutate", "validate"):
        log.append(asked("u"), decided("u"), webhook=webhook)
    if is_restarted:
        log.close()
        log = opened(folder)
    # A uid that reads as the other's field, and each of them once more.
    for uid, webhook in (
        ('v","webhook":"mutate', ""),
        ("v", "mutate"),
        ("u", "mutate"),
        ("u", "validate"),
    ):
        log.append(asked(uid), decided(uid), webhook=webhook)
    log.close()
    records = [
        decode(line)
        for number in range(1, 2 + is_restarted)
        for line in read_epoch(folder, number).lines
    ]
    marks = [r.get("repeat") for r in records if r["kind"] == "decision"]
    assert marks == [None, None, None, None, True, True]
