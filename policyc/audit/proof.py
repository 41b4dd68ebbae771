"""Proofs that a record stands in a signed log.  Source: c2sp.org/tlog-proof, version 1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from policyc.audit.checkpoint import Checkpoint, as_base64, read_checkpoint
from policyc.audit.merkle import inclusion_proof, leaf_hash, root_from_proof
from policyc.audit.stored import Stored
from policyc.core.errors import PolicycError, VerificationError
from policyc.signing.keys import Verifier, from_base64

_HEAD = re.compile(
    r"c2sp\.org/tlog-proof@v1\n"
    r"extra (?P<record>\S+)\n"
    r"index (?P<index>0|[1-9][0-9]{0,15})\n"
    r"(?P<path>(?:\S+\n)*)"
    r"\n(?P<checkpoint>.+)",
    re.DOTALL,
)


class Proven(NamedTuple):
    """The record's line, its place, and the checkpoint that covers it."""

    record: bytes
    sequence: int
    checkpoint: Checkpoint


def prove(stored: Stored, sequence: int) -> bytes:
    """The proof for a record, with its line as the extra data; PolicycError PC7105."""
    if stored.checkpoint is None:
        raise _unsigned(stored, sequence)
    size = read_checkpoint(stored.checkpoint, None).size
    if not sequence < size <= len(stored.leaves):
        raise _unsigned(stored, sequence)
    path = inclusion_proof(stored.leaves[:size], sequence)
    lines = [
        "c2sp.org/tlog-proof@v1",
        f"extra {as_base64(stored.lines[sequence])}",
        f"index {sequence}",
        *map(as_base64, path),
        "",
        "",
    ]
    return "\n".join(lines).encode() + stored.checkpoint


def check(data: bytes, verifiers: Iterable[Verifier]) -> Proven:
    """What a proof proves; VerificationError PC7101 when it proves nothing."""
    try:
        match = _HEAD.fullmatch(data.decode())
        if match is None:
            raise ValueError("it is no tlog-proof with a record")  # noqa: TRY301  # one place says it
        record, index = from_base64(match["record"]), int(match["index"])
        checkpoint = read_checkpoint(match["checkpoint"].encode(), verifiers)
        path = [from_base64(line) for line in match["path"].splitlines()]
        root = root_from_proof(leaf_hash(record), index, checkpoint.size, path)
    except ValueError as fault:
        raise _unproven(str(fault)) from None
    if root != checkpoint.root:
        raise _unproven("the record is not in the tree of the checkpoint")
    return Proven(record, index, checkpoint)


def _unproven(why: str) -> VerificationError:
    return VerificationError("PC7101", f"the proof does not hold: {why}", help="make it again")


def _unsigned(stored: Stored, sequence: int) -> PolicycError:
    return PolicycError(
        "PC7105",
        f"no checkpoint covers record {sequence} of epoch {stored.number}",
        help="a running log signs within a second; `policyc audit verify` says what is wrong else",
    )
