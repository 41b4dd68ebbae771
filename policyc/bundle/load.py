"""Reads an output folder that somebody trusted has signed, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from policyc.bundle.files import (
    compare_names,
    listed_in,
    read_each,
    read_listed,
    read_manifest,
    read_one,
)
from policyc.bundle.statement import MANIFEST, Statement, parse_statement, place_of
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.envelope.codec import API_VERSION
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import Entry, read_index
from policyc.envelope.sealed import Packed, pack
from policyc.signing.keys import Verifier
from policyc.signing.notes import open_note

_HEAD = 64  # bytes; keys are sorted, and no other one comes before it
_OURS = f'{{"apiVersion":"{API_VERSION}",'.encode()
_AGAIN = "sign the folder again after each build"


class Envelopes(NamedTuple):
    """A build as admission needs it: its index, its packed envelopes by agent.

    ``digest`` is that of its manifest; ``serial`` is 0 where nobody signed it.  ``note`` is what
    was signed, so that it can be judged again by other keys; empty where nobody did.
    """

    entries: list[Entry]
    packed: dict[str, Packed]
    digest: str
    serial: int
    note: bytes


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
    place = place_of(folder)
    _, statement = _signed(place.signature, public_keys)
    manifest = read_manifest(place.folder)
    _compare(folder, statement.manifest, manifest, MANIFEST)
    if statement.serial < least_serial:
        raise VerificationError(
            "PC7102",
            f"`{folder}` has serial {statement.serial}, and {least_serial} was seen before",
            help="an older build may not come back: build and sign again with a higher serial",
        )
    files = read_listed(place.folder, manifest)
    _compare(folder, statement.agents, files[INDEX], INDEX)
    return SignedFiles(files, statement.serial)


def load_envelopes(folder: Path, public_keys: Iterable[Verifier] | None) -> Envelopes:
    """The envelopes of a folder and nothing else of it; without keys, of one that nobody signed.

    What other files hold is not looked at: no decision rests on it.  They must be there, but
    for a mounted volume, which has no room for them.  Raises VerificationError as
    ``load_signed`` does, and for envelopes of another version.
    """
    place = place_of(folder)
    note, statement = (b"", None) if public_keys is None else _signed(place.signature, public_keys)
    if not (place.folder / MANIFEST).exists():
        raise VerificationError("PC7101", f"`{folder}`: there is no {MANIFEST}", help=_AGAIN)
    manifest = read_manifest(place.folder)
    if statement is not None:
        _compare(folder, statement.manifest, manifest, MANIFEST)
    listed = listed_in(manifest)
    if not place.is_mounted:
        compare_names(place.folder, listed)
    index = read_one(place.folder, INDEX, listed)
    if statement is not None:
        _compare(folder, statement.agents, index, INDEX)
    try:
        entries = read_index(index)
    except ValueError as fault:
        raise VerificationError("PC7101", f"`{folder}`: {fault}", help=_AGAIN) from None
    paths = [entry.path for entry in entries]
    like = read_one(place.folder, paths[0], listed) if paths else b""
    packed = read_each(place.folder, paths, listed, lambda some: _packed(folder, some, like))
    serial = 0 if statement is None else statement.serial
    names = (entry.subject.agent for entry in entries)
    by_agent = dict(zip(names, packed, strict=True))
    return Envelopes(entries, by_agent, digest(manifest), serial, note)


def _packed(folder: Path, documents: Sequence[bytes], like: bytes) -> list[Packed]:
    """Packed, when they are of the one version that is read: what opening finds comes later."""
    if not all(data[:_HEAD].translate(None, b" \n").startswith(_OURS) for data in documents):
        raise VerificationError(
            "PC7101",
            f"`{folder}`: an envelope is of another version, and this program reads {API_VERSION}",
            help="use the programs of one version",
        )
    return pack(documents, like)


def _compare(folder: Path, signed: str, data: bytes, name: str) -> None:
    if digest(data) != signed:
        raise VerificationError(
            "PC7101", f"`{folder}`: the signature is about another {name}", help=_AGAIN
        )


def _signed(path: Path, public_keys: Iterable[Verifier]) -> tuple[bytes, Statement]:
    """A signature as it was read, and what it states."""
    try:
        note = path.read_bytes()
        return note, parse_statement(open_note(note, public_keys)[0])
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
