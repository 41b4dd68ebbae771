"""Proofs of inclusion: they hold, for both implementations, and nothing else does."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.logs import KEY, OTHER_KEY, closed_log, crashed_log
from support.oracle import rfc6962

from policyc.audit.checkpoint import read_checkpoint
from policyc.audit.proof import check, prove
from policyc.audit.show import find
from policyc.audit.stored import Stored, read_epoch
from policyc.core.errors import PolicycError, VerificationError

KEYS = (KEY.verifier,)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return closed_log(tmp_path_factory.mktemp("log") / "log", 9, 3)


@pytest.fixture(scope="module")
def epoch(log: Path) -> Stored:
    return read_epoch(log, 1)


@pytest.mark.parametrize("sequence", range(11))
def test_every_record_can_be_proved(epoch: Stored, sequence: int) -> None:
    proof = prove(epoch, sequence)
    proven = check(proof, KEYS)
    assert proven[:2] == (epoch.lines[sequence], sequence)
    assert (proven.checkpoint.origin, proven.checkpoint.size) == ("replica-a/000001", 11)
    head, _, note = proof.decode().partition("\n\n")
    path = [base64.b64decode(line) for line in head.splitlines()[3:]]
    root = read_checkpoint(note.encode(), KEYS).root
    assert rfc6962.holds(epoch.lines[sequence], sequence, 11, path, root)


@given(st.data())
def test_every_changed_byte_of_a_proof_is_found(epoch: Stored, data: st.DataObject) -> None:
    proof = prove(epoch, data.draw(st.integers(0, 10)))
    at = data.draw(st.integers(0, len(proof) - 1))
    mask = data.draw(st.integers(1, 255))
    with pytest.raises(VerificationError):
        check(bytes([*proof[:at], proof[at] ^ mask, *proof[at + 1 :]]), KEYS)


def test_a_proof_is_of_its_log_and_key(epoch: Stored) -> None:
    with pytest.raises(VerificationError, match="none of the given keys"):
        check(prove(epoch, 3), (OTHER_KEY.verifier,))


def test_what_no_checkpoint_covers_cannot_be_proved(epoch: Stored, tmp_path: Path) -> None:
    crashed = read_epoch(crashed_log(tmp_path / "log", 2, 2), 1)
    assert check(prove(crashed, 2), KEYS).sequence == 2
    for stored, sequence in (
        (crashed, 3),
        (replace(epoch, checkpoint=None), 1),
        (replace(epoch, lines=epoch.lines[:5]), 1),
    ):
        with pytest.raises(PolicycError, match="no checkpoint covers"):
            prove(stored, sequence)


def test_records_are_found_by_uid_and_by_place(log: Path) -> None:
    for wanted, number, sequence in (("uid-0", 1, 1), ("uid-9", 2, 1), ("2/3", 2, 3)):
        stored, at = find(log, wanted)
        assert (stored.number, at) == (number, sequence)
    for wanted in ("uid", "3/1", "2/77", "boot"):
        with pytest.raises(PolicycError, match="there is no record"):
            find(log, wanted)
