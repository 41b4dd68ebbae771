"""Signed tree heads: three lines in a signed note.  Source: c2sp.org/tlog-checkpoint."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from policyc.core.errors import VerificationError
from policyc.signing.keys import Signer, Verifier, from_base64
from policyc.signing.notes import open_note, sign_note, split_note

_TEXT = re.compile(r"([^\s+]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``origin`` is ``NAME/EPOCH`` (six digits); ``root`` 32 bytes over ``size`` records."""

    origin: str
    size: int
    root: bytes

    def signed(self, signer: Signer) -> bytes:
        """The signed note."""
        return sign_note(f"{self.origin}\n{self.size}\n{as_base64(self.root)}\n", signer)


def read_checkpoint(data: bytes, verifiers: Iterable[Verifier] | None) -> Checkpoint:
    """The checkpoint of a signed note; without keys its signatures are not checked.

    Raises VerificationError PC7101.
    """
    try:
        return _parse(split_note(data)[0] if verifiers is None else open_note(data, verifiers)[0])
    except ValueError as fault:
        raise VerificationError(
            "PC7101", f"a checkpoint: {fault}", help="compare it with the log's backups"
        ) from None


def as_base64(data: bytes) -> str:
    """RFC 4648, section 4."""
    return base64.b64encode(data).decode()


def _parse(text: str) -> Checkpoint:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("it is no checkpoint of a decision log")
    return Checkpoint(match[1], int(match[2]), from_base64(match[3]))
