"""Signs an output folder; each other build has a higher serial than the one before."""

from __future__ import annotations

from pathlib import Path

from policyc.bundle.files import read_listed, read_manifest
from policyc.bundle.statement import MOST_SERIAL, Statement, parse_statement, signature_path
from policyc.core.canonical import digest
from policyc.core.errors import PolicycError, VerificationError
from policyc.core.files import write_file
from policyc.envelope.index import PATH as INDEX
from policyc.signing.keys import Signer
from policyc.signing.notes import sign_note, split_note


def sign_folder(folder: Path, signer: Signer, serial: int | None = None) -> Statement:
    """Write the signature beside the folder, and say what it states.

    Without a serial it is one more than that of the signature which lies there, or the
    same when the files are the same; the first is 1.  A folder that is not what its
    manifest says is not signed (VerificationError PC7101); a serial that would not grow
    is refused (PolicycError PC7102).
    """
    manifest = read_manifest(folder)
    files = read_listed(folder, manifest)
    if INDEX not in files:
        raise VerificationError(
            "PC7101", f"`{folder}` has no {INDEX}", help="compile again with this version"
        )
    code = digest(manifest)
    path = signature_path(folder)
    before = _before(path)
    number = _next(before, code) if serial is None else serial
    statement = Statement(number, code, digest(files[INDEX]))
    if not 1 <= statement.serial <= MOST_SERIAL:
        raise _no_serial(f"the serial {statement.serial} is not between 1 and {MOST_SERIAL}")
    if before is not None and _goes_back(statement, before):
        raise _no_serial(
            f"the serial {statement.serial} does not grow: `{path.name}` has {before.serial}"
        )
    write_file(path, sign_note(statement.to_text(), signer))
    return statement


def _before(path: Path) -> Statement | None:
    """What the signature that lies there states; who made it does not matter here."""
    try:
        return parse_statement(split_note(path.read_bytes())[0])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise _no_serial(f"`{path}` holds no serial to go on from: {fault}") from None


def _next(before: Statement | None, code: str) -> int:
    if before is None:
        return 1
    return before.serial if before.manifest == code else before.serial + 1


def _goes_back(statement: Statement, before: Statement) -> bool:
    if statement.manifest == before.manifest:
        return statement.serial < before.serial
    return statement.serial <= before.serial


def _no_serial(message: str) -> PolicycError:
    return PolicycError(
        "PC7102", message, help="leave `--serial` out to have the next one, or name a higher one"
    )
