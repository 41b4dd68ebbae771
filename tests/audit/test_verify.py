"""Every change to a log is found, and the first bad record named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.logs import KEY, NAME, OTHER_KEY, Clock, closed_log, crashed_log, fill, opened

from policyc.audit.checkpoint import Checkpoint, as_base64, read_checkpoint
from policyc.audit.fault import Reason
from policyc.audit.judge import judge
from policyc.audit.layout import CHECKPOINT, RECORDS
from policyc.audit.merkle import leaf_hash, root_of
from policyc.audit.record import COMMON, FIELDS, Kind, decode, encode
from policyc.audit.stored import Stored, read_epoch
from policyc.audit.verify import Report, verify
from policyc.core.canonical import Json

KEYS = (KEY.verifier,)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of 7 and 6 records."""
    return closed_log(tmp_path_factory.mktemp("log") / "log", 5, 4)


@pytest.fixture(scope="module")
def epoch(log: Path) -> Stored:
    return read_epoch(log, 1)


@pytest.fixture
def copy(log: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(log, tmp_path / "log"))


def lines(folder: Path, number: int = 1) -> list[bytes]:
    return (folder / f"{number:06}" / RECORDS).read_bytes().splitlines(keepends=True)


def rewrite(folder: Path, rows: list[bytes], number: int = 1) -> None:
    (folder / f"{number:06}" / RECORDS).write_bytes(b"".join(rows))


def first(report: Report) -> tuple[int, int | None, Reason]:
    assert report.faults
    fault = report.faults[0]
    return fault.epoch, fault.sequence, fault.reason


def test_a_log_that_nobody_touched_holds(log: Path) -> None:
    report = verify(log, KEYS)
    assert report.faults == ()
    assert [(e.epoch, e.name, e.records, e.signed) for e in report.epochs] == [
        (1, NAME, 7, 7),
        (2, NAME, 6, 6),
    ]


def parts(epoch: Stored) -> dict[str, bytes]:
    assert epoch.checkpoint is not None
    records = b"".join(line + b"\n" for line in epoch.lines)
    return {RECORDS: records, CHECKPOINT: epoch.checkpoint, **epoch.tiles}


def changed(epoch: Stored, name: str, data: bytes) -> Stored:
    if name == CHECKPOINT:
        return replace(epoch, checkpoint=data)
    if name == RECORDS:
        *rows, torn = data.split(b"\n")
        return replace(epoch, lines=tuple(rows), torn=torn)
    return replace(epoch, tiles={**epoch.tiles, name: data})


def test_every_changed_byte_is_found(epoch: Stored) -> None:
    """Each byte of each file of the epoch, one at a time: another case, or one character on."""
    for name, data in parts(epoch).items():
        for at in range(len(data)):
            edited = bytearray(data)
            edited[at] ^= 32 if at % 2 else 1
            _, faults = judge(changed(epoch, name, bytes(edited)), KEYS)
            assert faults, (name, at)
            if name == RECORDS:
                assert faults[0].sequence == data[:at].count(b"\n"), at


@given(st.data())
def test_every_run_of_changed_bytes_is_found(epoch: Stored, data: st.DataObject) -> None:
    name, before = data.draw(st.sampled_from(sorted(parts(epoch).items())))
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, min(len(before), start + 900)))
    after = before[:start] + data.draw(st.binary(max_size=40)) + before[end:]
    _, faults = judge(changed(epoch, name, after), KEYS)
    assert bool(faults) == (after != before)
    if faults and name == RECORDS:
        same = next(
            (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None
        )
        where = min(len(before), len(after)) if same is None else same
        record = before[:where].count(b"\n")
        assert faults[0].sequence in (record, min(record, len(epoch.lines)))


@given(st.permutations(range(7)))
def test_every_other_order_is_found(epoch: Stored, order: list[int]) -> None:
    _, faults = judge(replace(epoch, lines=tuple(epoch.lines[i] for i in order)), KEYS)
    moved = next((at for at, i in enumerate(order) if at != i), None)
    assert [(f.sequence, f.reason) for f in faults[:1]] == (
        [] if moved is None else [(moved, Reason.ORDER)]
    )


@given(st.sets(st.integers(0, 6), min_size=1))
def test_every_removal_is_found(epoch: Stored, gone: set[int]) -> None:
    kept = tuple(line for i, line in enumerate(epoch.lines) if i not in gone)
    _, faults = judge(replace(epoch, lines=kept), KEYS)
    is_tail = gone == set(range(min(gone), 7))
    expected = Reason.TRUNCATION if is_tail else Reason.REMOVAL
    assert (faults[0].sequence, faults[0].reason) == (min(gone), expected)


@pytest.mark.parametrize("with_tiles", [True, False], ids=["tiles", "no-tiles"])
@pytest.mark.parametrize("at", range(7))
def test_a_chain_made_anew_is_found(epoch: Stored, at: int, with_tiles: bool) -> None:
    """Who edits a record and every hash after it still has no key for the checkpoint."""
    rows: list[bytes] = list(epoch.lines)
    before: Json = ""
    for i, line in enumerate(rows):
        record = decode(line) | {"before": before}
        if i == at:
            record["boot"] = "another"
        rows[i] = encode(record)
        before = as_base64(leaf_hash(rows[i]))
    anew = replace(epoch, lines=tuple(rows), tiles=epoch.tiles if with_tiles else {})
    _, faults = judge(anew, KEYS)
    assert (faults[0].sequence, faults[0].reason) == (at if with_tiles else None, Reason.EDIT)


@pytest.mark.parametrize("field", ["boot", "before"])
@pytest.mark.parametrize("at", range(1, 6))
def test_without_tiles_the_chain_names_the_record(epoch: Stored, at: int, field: str) -> None:
    rows = list(epoch.lines)
    rows[at] = encode(decode(rows[at]) | {field: "x"})
    _, faults = judge(replace(epoch, lines=tuple(rows), tiles={}), KEYS)
    assert faults[0].sequence == at


def forged(epoch: Stored, changes: dict[int, dict[str, Json]]) -> Stored:
    """What a process with the key, and with a fault, would have written: chained and signed."""
    rows: list[bytes] = []
    before: Json = ""
    for i, line in enumerate(epoch.lines):
        record = decode(line) | {"before": before} | changes.get(i, {})
        if record["kind"] in {*Kind}:
            own = {*COMMON, *FIELDS[Kind(str(record["kind"]))]}
            record = {name: value for name, value in record.items() if name in own | {"colour"}}
        rows.append(encode(record))
        before = as_base64(leaf_hash(rows[-1]))
    root = root_of([leaf_hash(row) for row in rows])
    note = Checkpoint(f"{NAME}/000001", len(rows), root).signed(KEY)
    return replace(epoch, lines=tuple(rows), checkpoint=note, tiles={})


@pytest.mark.parametrize(
    ("at", "change"),
    [
        (3, {"time": "2026-09-01T11:00:00.000000Z"}),
        (3, {"time": "2026-09-01 12:00:00"}),
        (3, {"sequence": 4}),
        (3, {"before": ""}),
        (3, {"kind": "epoch"}),
        (3, {"kind": "other"}),
        (3, {"colour": "red"}),
        (0, {"epoch": 2}),
        (0, {"log": "another"}),
        (0, {"kind": "gap"}),
    ],
    ids=str,
)
def test_a_signature_excuses_nothing(epoch: Stored, at: int, change: dict[str, Json]) -> None:
    assert judge(forged(epoch, {}), KEYS)[1] == []
    _, faults = judge(forged(epoch, {at: change}), KEYS)
    assert faults[0].sequence == at


def test_nothing_stands_after_the_closing_record(epoch: Stored) -> None:
    _, faults = judge(forged(epoch, {4: {"kind": "close"}}), KEYS)
    assert (faults[0].sequence, faults[0].reason) == (5, Reason.EDIT)


def older_checkpoint(folder: Path) -> None:
    """A genuine checkpoint of the ended epoch, from before its end."""
    path = folder / "000001" / CHECKPOINT
    checkpoint = Checkpoint(f"{NAME}/000001", 2, root_of(read_epoch(folder, 1).leaves[:2]))
    path.write_bytes(checkpoint.signed(KEY))


def remove_epoch(folder: Path) -> None:
    shutil.rmtree(folder / "000001")


def cut_between_epochs(folder: Path) -> None:
    """The tail of the first epoch, and its files as a shorter log would have them."""
    shorter = closed_log(folder.with_name("shorter"), 3)
    shutil.rmtree(folder / "000001")
    shutil.copytree(shorter / "000001", folder / "000001")


def extend_first(folder: Path) -> None:
    rewrite(folder, [*lines(folder), lines(folder, 2)[-1]])


def tear_first(folder: Path) -> None:
    rewrite(folder, [*lines(folder), b'{"a'])


def swap_epochs(folder: Path) -> None:
    (folder / "000001").rename(folder / "x")
    (folder / "000002").rename(folder / "000001")
    (folder / "x").rename(folder / "000002")


def foreign_epoch(folder: Path) -> None:
    """The same epoch of another replica, signed with the same key."""
    other = folder.with_name("other")
    clock = Clock()
    clock.moment = clock.moment.replace(hour=13)
    for start in (0, 5):
        with opened(other, clock=clock) as log:
            fill(log, start, 5)
    shutil.rmtree(folder / "000002")
    shutil.copytree(other / "000002", folder / "000002")


def drop_checkpoint(folder: Path) -> None:
    (folder / "000002" / CHECKPOINT).unlink()


def sign_with_another(folder: Path) -> None:
    path = folder / "000002" / CHECKPOINT
    path.write_bytes(read_checkpoint(path.read_bytes(), None).signed(OTHER_KEY))


def foreign_file(folder: Path) -> None:
    (folder / "000001" / "tile" / "note").write_bytes(b"")


def longer_tile(folder: Path) -> None:
    path = folder / "000002" / "tile" / "0" / "000.p" / "7"
    path.write_bytes(path.with_name("6").read_bytes() + bytes(32))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (older_checkpoint, (1, None, Reason.FORK)),
        (remove_epoch, (1, None, Reason.GAP)),
        (cut_between_epochs, (1, 5, Reason.TRUNCATION)),
        (extend_first, (1, 7, Reason.EDIT)),
        (tear_first, (1, 7, Reason.EDIT)),
        (swap_epochs, (1, 0, Reason.FORK)),
        (foreign_epoch, (1, 6, Reason.EDIT)),
        (drop_checkpoint, (2, None, Reason.SIGNATURE)),
        (sign_with_another, (2, None, Reason.SIGNATURE)),
        (foreign_file, (1, None, Reason.TILE)),
        (longer_tile, (2, 6, Reason.TRUNCATION)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_between_files(
    copy: Path, tamper: Callable[[Path], None], found: tuple[int, int | None, Reason]
) -> None:
    tamper(copy)
    assert first(verify(copy, KEYS)) == found


@settings(max_examples=25)  # each writes three logs and waits for the disk
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 300))
def test_a_crash_is_no_fault(
    tmp_path_factory: pytest.TempPathFactory, signed: int, unsigned: int, torn: int
) -> None:
    """Whatever was not acknowledged by a checkpoint may be missing; the restart names the rest."""
    folder = crashed_log(tmp_path_factory.mktemp("crash") / "log", signed, unsigned, torn)
    report = verify(folder, KEYS)
    assert report.faults == ()
    assert (report.epochs[0].records, report.epochs[0].signed) == (
        1 + signed + unsigned,
        1 + signed,
    )
    assert report.epochs[0].torn == torn
    with opened(folder) as log:
        fill(log, 10, 1)
    assert verify(folder, KEYS).faults == ()
    rows = lines(folder)
    rewrite(folder, rows[: -1 if not torn else -2])
    assert first(verify(folder, KEYS))[0] == 1


def test_a_crash_before_the_first_signature_is_no_fault(copy: Path) -> None:
    (copy / "000003").mkdir()
    assert verify(copy, KEYS).faults == ()
    with opened(copy) as log:
        fill(log, 20, 1)
    report = verify(copy, KEYS)
    assert report.faults == ()
    assert [epoch.records for epoch in report.epochs] == [7, 6, 0, 3]


def test_without_keys_only_signatures_go_unchecked(copy: Path) -> None:
    sign_with_another(copy)
    assert verify(copy).faults == ()
    rewrite(copy, lines(copy)[:-1])
    assert first(verify(copy)) == (1, 6, Reason.TRUNCATION)
