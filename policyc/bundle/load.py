"""Reads an output folder that somebody trusted has signed, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from policyc.bundle.files import read_listed, read_manifest
from policyc.bundle.statement import Statement, parse_statement, real_folder, signature_path
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.signing.keys import Verifier
from policyc.signing.notes import open_note


class SignedFiles(NamedTuple):
    """Path below the folder -> bytes, as they were signed; and the serial of the build."""

    files: dict[str, bytes]
    serial: int


def load_signed(
    folder: Path, public_keys: Iterable[Verifier], least_serial: int = 0
) -> SignedFiles:
    """The folder's files, each read once and found as the signature says.

    Raises VerificationError: PC7101 for a missing or bad signature, an unknown key, and a
    file that is missing, changed, not listed or a link; PC7102 for a serial below
    ``least_serial``.  A folder that is being replaced while it is read fails with PC7101
    as well: the caller keeps what it has and tries again.
    """
    real = real_folder(folder)
    statement = _statement(signature_path(real), public_keys)
    manifest = read_manifest(real)
    if digest(manifest) != statement.manifest:
        raise VerificationError(
            "PC7101",
            f"`{folder}`: the signature is about another manifest.json",
            help="sign the folder again after each build",
        )
    if statement.serial < least_serial:
        raise VerificationError(
            "PC7102",
            f"`{folder}` has serial {statement.serial}, and {least_serial} was seen before",
            help="an older build may not come back: build and sign again with a higher serial",
        )
    return SignedFiles(read_listed(real, manifest), statement.serial)


def _statement(path: Path, public_keys: Iterable[Verifier]) -> Statement:
    try:
        return parse_statement(open_note(path.read_bytes(), public_keys)[0])
    except OSError as fault:
        raise VerificationError(
            "PC7101",
            f"no signature: `{path}` cannot be read: {fault.strerror}",
            help="sign the folder with `policyc bundle sign`, and put the two side by side",
        ) from fault
    except ValueError as fault:
        raise VerificationError(
            "PC7101", f"`{path}`: {fault}", help="sign the folder with `policyc bundle sign`"
        ) from None
    except VerificationError as fault:
        raise VerificationError(fault.code, f"`{path}`: {fault.message}", help=fault.help) from None
