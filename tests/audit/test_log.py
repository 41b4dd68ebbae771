"""The log as it is written: records, order, threads, faults of the disk, restarts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.logs import KEY, NOON, Clock, asked, closed_log, decided, fill, opened
from support.samples import ROOT

from policyc.admission.request import Operation
from policyc.admission.verdict import Finding, Verdict
from policyc.audit.checkpoint import as_base64
from policyc.audit.layout import RECORDS, high_water
from policyc.audit.log import DecisionLog
from policyc.audit.receipt import LogUnavailableError, Receipt
from policyc.audit.record import COMMON, FIELDS, Kind, decode, encode
from policyc.audit.record import asked as asked_of
from policyc.audit.record import decided as decided_of
from policyc.audit.seen import Seen
from policyc.audit.stored import read_epoch
from policyc.audit.verify import verify
from policyc.core.canonical import canonical_json, digest

KEYS = (KEY.verifier,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


def records(folder: Path, number: int = 1) -> list[dict[str, object]]:
    return [dict(decode(line)) for line in read_epoch(folder, number).lines]


def writer(*args: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "support.logs", *map(str, args)],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_decision_as_it_is_recorded(folder: Path) -> None:
    old = {"metadata": {"name": "research-1", "labels": {"token": "hunter2"}}}
    request = asked(
        "u-1", operation=Operation.UPDATE, old=old, dry_run=True, subresource="ephemeralcontainers"
    )
    with opened(folder) as log:
        receipt = log.append(request, decided("u-1", "B", "A", "A"), serial=7, exception="exc-9")
    first, found, last = records(folder)
    assert found == {
        "kind": "decision",
        "sequence": 1,
        "time": found["time"],
        "boot": "boot",
        "before": found["before"],
        "uid": "u-1",
        "operation": "UPDATE",
        "resource": "pods",
        "subresource": "ephemeralcontainers",
        "namespace": "agents",
        "name": "research-1",
        "user": "kubernetes-admin",
        "agent": "research",
        "stage": "enforce",
        "object": digest(canonical_json({"metadata": {"name": "research-1"}})),
        "oldObject": digest(canonical_json(old)),
        "bundle": "sha256:" + "0" * 64,
        "serial": 7,
        "verdict": "deny",
        "codes": ["A:deny", "B:deny"],
        "exception": "exc-9",
        "dryRun": True,
    }
    assert (first["kind"], first["earlier"], last["kind"]) == ("epoch", None, "close")
    assert receipt == Receipt(1, 1, "replica-a/000001", str(last["before"]))
    assert b"hunter2" not in (folder / "000001" / RECORDS).read_bytes()


def test_a_generated_name_is_recorded_in_its_place(folder: Path) -> None:
    body = {"metadata": {"generateName": "research-"}}
    with opened(folder) as log:
        log.append(asked("u-1", "", object=body), decided("u-1"))
    _, found, _ = records(folder)
    assert (found.get("name"), found["generateName"]) == (None, "research-")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)


@given(_TEXT, _TEXT, st.lists(_TEXT, max_size=80), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=10,
))  # fmt: skip
def test_any_request_is_one_bounded_canonical_line(
    uid: str, name: str, reasons: list[str], body: object
) -> None:
    """An entry of a tile may have 65,535 bytes (c2sp.org/tlog-tiles)."""
    found = tuple(Finding(reason, "") for reason in reasons)
    request = asked(uid, name, user=name, object={"metadata": body})
    fields = decided_of(asked_of(request), Verdict(uid, found), serial=1, exception=uid)
    place = {"sequence": 1, "time": "2026-09-01T12:00:00.000000Z", "boot": "b", "before": ""}
    line = encode(fields | place)
    assert len(line) < 65_535
    assert b"\n" not in line
    assert decode(line) == fields | place
    assert fields.keys() - {"kind"} <= {*FIELDS[Kind.DECISION]}


def test_every_record_has_the_fields_of_its_kind(folder: Path) -> None:
    closed_log(folder, 2, 1)
    for number in (1, 2):
        for record in records(folder, number):
            kind = Kind(str(record["kind"]))
            assert {*COMMON} <= record.keys() <= {*COMMON, *FIELDS[kind]}
            if kind is Kind.EPOCH:
                assert {*FIELDS[kind]} <= record.keys()


def test_threads_share_a_log(folder: Path) -> None:
    found: list[Receipt] = []

    def decide(worker: int) -> None:
        for at in range(100):
            receipt = log.append(asked(f"{worker}-{at}"), decided(f"{worker}-{at}"))
            assert receipt
            found.append(receipt)

    with opened(folder) as log:
        threads = [threading.Thread(target=decide, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(receipt.sequence for receipt in found) == [*range(1, 801)]
    report = verify(folder, KEYS)
    assert report.faults == ()
    assert (report.epochs[0].records, report.epochs[0].signed) == (802, 802)


@pytest.mark.parametrize("strict", [True, False])
def test_a_log_holds_while_it_is_written(folder: Path, strict: bool) -> None:
    with opened(folder, strict=strict) as log:
        thread = threading.Thread(target=fill, args=(log, 0, 20 if strict else 3000))
        thread.start()
        while thread.is_alive():
            assert verify(folder, KEYS).faults == ()
        thread.join()
    assert verify(folder, KEYS).faults == ()


def test_a_strict_receipt_is_covered_by_a_checkpoint(folder: Path) -> None:
    with opened(folder, strict=True) as log:
        futures = [log.submit(asked(f"u-{at}"), decided(f"u-{at}")) for at in range(5)]
        for future in futures:
            assert isinstance(future, Future)
            receipt = future.result()
            assert receipt
            assert receipt.sequence < receipt.tree_size <= log.health.signed


def test_a_default_receipt_stands_in_the_file(folder: Path) -> None:
    with opened(folder) as log:
        for at in range(5):
            assert isinstance(log.submit(asked(f"u-{at}"), decided(f"u-{at}")), Receipt)
            assert records(folder)[-1]["uid"] == f"u-{at}"


def test_records_are_signed_without_further_ado(folder: Path) -> None:
    """More than 256 records, or a second: either way the caller need not do anything."""
    with opened(folder) as log:
        first = log.health.signed
        at = 0
        while log.health.signed == first:
            log.append(asked(f"u-{at}"), decided(f"u-{at}"))
            at += 1


def test_the_tiles_of_the_last_checkpoint_come_also_when_nothing_follows(folder: Path) -> None:
    """They are written once a second, and the last of a burst when it is over."""
    with opened(folder) as log:
        fill(log, 0, 600)
        while log.health.signed < log.health.records:
            pass
        size = log.health.signed
        place = folder / "000001" / "tile" / "0" / f"{size // 256:03}.p" / str(size % 256)
        late = time.monotonic() + 30
        while not place.exists():
            assert time.monotonic() < late, "nobody writes them"


def test_tiles_that_could_not_be_written_come_also_when_nothing_follows(folder: Path) -> None:
    tiles, aside = folder / "000001" / "tile", folder / "aside"
    with opened(folder) as log:
        tiles.rename(aside)
        tiles.write_bytes(b"")
        fill(log, 0, 5)
        late = time.monotonic() + 30
        while "PC7053" not in log.health.fault and "cannot write" not in log.health.fault:
            assert time.monotonic() < late, log.health
        size = log.health.signed
        tiles.unlink()
        aside.rename(tiles)
        late = time.monotonic() + 30
        while log.health.fault:
            assert time.monotonic() < late, log.health
        assert (tiles / "0" / "000.p" / str(size)).exists()
        assert log.health.records == size
    assert verify(folder, KEYS).faults == ()


def test_one_process_writes_a_folder(folder: Path) -> None:
    with (
        opened(folder),
        pytest.raises(LogUnavailableError, match="another process holds") as caught,
    ):
        opened(folder)
    assert caught.value.help == "give each process a log folder of its own"
    with opened(folder) as log:
        fill(log, 0, 1)
    assert len(verify(folder, KEYS).epochs) == 2


def test_a_log_that_cannot_begin_leaves_no_epoch(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    blocked = tmp_path / "log" / "000001"
    blocked.write_bytes(b"")
    with pytest.raises(LogUnavailableError):
        opened(tmp_path / "log")
    assert blocked.read_bytes() == b""
    blocked.unlink()
    opened(tmp_path / "log").close()
    assert verify(tmp_path / "log", KEYS).faults == ()


def test_after_the_end_nothing_is_recorded(folder: Path) -> None:
    log = opened(folder)
    log.close()
    log.close()
    assert log.append(asked("u"), decided("u")) is None
    assert (log.health.lost, log.health.fault) == (1, "the log is closed")


def test_the_newest_uids_are_remembered() -> None:
    seen = Seen(map(str, range(300_000)))
    assert all(str(uid) in seen for uid in range(300_000 - 131_072, 300_000))
    assert sum(str(uid) in seen for uid in range(300_000)) <= 262_144


@settings(max_examples=25)  # each waits for the disk
@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=8))
def test_time_never_goes_back(tmp_path_factory: pytest.TempPathFactory, jumps: list[int]) -> None:
    folder = tmp_path_factory.mktemp("clock") / "log"
    clock = Clock()
    highest = clock.moment
    with opened(folder, clock=clock) as log:
        for at, jump in enumerate(jumps):
            clock.moment = NOON + timedelta(seconds=jump)
            log.append(asked(f"u-{at}"), decided(f"u-{at}"))
            highest = max(highest, clock.moment)
            assert log.now() >= highest
            clock.moment = NOON - timedelta(days=1)
    times = [str(record["time"]) for record in records(folder)]
    assert times == sorted(times)
    behind = [record for record in records(folder) if "clock" in record]
    assert all(str(record["clock"]) < str(record["time"]) for record in behind)
    assert high_water(folder) == datetime.fromisoformat(times[-1])
    assert verify(folder, KEYS).faults == ()


@pytest.mark.parametrize("acknowledged", [1, 40, 300, 700])
def test_a_killed_process_loses_nothing_it_acknowledged(folder: Path, acknowledged: int) -> None:
    process = writer(folder, KEY.to_text(), "100000")
    assert process.stdout
    receipts = [process.stdout.readline().split() for _ in range(acknowledged)]
    process.kill()
    receipts += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]  # fmt: skip
    process.wait()
    process.stdout.close()
    report = verify(folder, KEYS)
    assert report.faults == ()
    assert not report.epochs[0].is_closed
    stored = read_epoch(folder, 1)
    for sequence, code in receipts:
        assert as_base64(stored.leaves[int(sequence)]) == code
    with opened(folder, clock=Clock(datetime.now(UTC))) as log:
        fill(log, 0, 1)
    assert verify(folder, KEYS).faults == ()
    earlier = records(folder, 2)[0]["earlier"]
    assert isinstance(earlier, dict)
    assert earlier["records"] == len(stored.lines)


def run_out_of_space(folder: Path, *options: str) -> list[str]:
    process = writer(folder, KEY.to_text(), "40", "--limit", "4096", *options)
    answers, _ = process.communicate()
    assert process.returncode == 0
    return answers.splitlines()


def test_a_full_disk_is_counted_and_said(folder: Path) -> None:
    answers = run_out_of_space(folder)
    lost = answers.count("lost")
    assert 0 < lost < 20
    assert "lost" not in answers[20:]
    assert answers[-1] == "healthy"
    gaps = [record for record in records(folder) if record["kind"] == "gap"]
    assert sum(int(str(gap["lost"])) for gap in gaps) == lost
    assert verify(folder, KEYS).faults == ()


def test_a_full_disk_denies_in_strict_mode(folder: Path) -> None:
    answers = run_out_of_space(folder, "--strict")
    assert 0 < answers.count("denied") < 20
    assert "denied" not in answers[20:]
    assert verify(folder, KEYS).faults == ()


def no_disk(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_nothing_follows_a_failed_sync(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next fsync may succeed without having written anything: only a new epoch is honest."""
    log = opened(folder, strict=True)
    fill(log, 0, 1)
    monkeypatch.setattr(os, "fsync", no_disk)
    with pytest.raises(LogUnavailableError, match="not synced"):
        log.append(asked("u"), decided("u"))
    monkeypatch.undo()
    with pytest.raises(LogUnavailableError, match="could not be synced"):
        log.append(asked("v"), decided("v"))
    log.close()
    (epoch,) = verify(folder, KEYS).epochs
    assert (epoch.records, epoch.signed, epoch.is_closed) == (3, 2, False)
    with opened(folder) as log:
        fill(log, 5, 1)
    assert verify(folder, KEYS).faults == ()


def half(handle: int, data: bytes) -> int:
    if len(data) < 100:
        return no_disk()  # type: ignore[return-value]  # it raises
    return WRITE(handle, data[:-50])


WRITE = os.write


def test_half_a_record_is_taken_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as log:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            assert log.append(asked("u"), decided("u")) is None
        assert log.append(asked("v"), decided("v"))
    assert [r["kind"] for r in records(folder)] == ["epoch", "gap", "decision", "close"]


def test_nothing_follows_half_a_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as log:
        fill(log, 0, 2)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            patched.setattr(os, "ftruncate", no_disk)
            assert log.append(asked("u"), decided("u")) is None
        assert log.append(asked("v"), decided("v")) is None
        assert (log.health.lost, "taken back" in log.health.fault) == (2, True)
    (epoch,) = verify(folder, KEYS).epochs
    assert (epoch.records, epoch.signed, epoch.torn > 0) == (3, 3, True)
    with opened(folder) as log:
        fill(log, 5, 1)
    assert verify(folder, KEYS).faults == ()


def test_a_checkpoint_that_cannot_be_written_comes_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder, strict=True) as log:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", no_disk)
            with pytest.raises(LogUnavailableError, match="not synced"):
                log.append(asked("u"), decided("u"))
            assert "cannot write" in log.health.fault
        receipt = log.append(asked("v"), decided("v"))
        assert receipt
        assert (receipt.sequence, receipt.tree_size) == (2, 3)
    assert verify(folder, KEYS).faults == ()


def test_records_are_json_lines(folder: Path) -> None:
    closed_log(folder, 3)
    with (folder / "000001" / RECORDS).open(encoding="utf-8") as stream:
        assert [json.loads(line)["sequence"] for line in stream] == [0, 1, 2, 3, 4]


def test_the_name_of_a_log_stands_in_its_origin(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailableError, match="cannot name a key"):
        DecisionLog(tmp_path / "log", KEY, "two words")
