"""Signed notes: a text, an empty line, and signature lines.  Source: c2sp.org/signed-note."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from policyc.core.errors import VerificationError
from policyc.signing.keys import Signer, Verifier, from_base64

_DASH = "— "
_MOST_SIGNATURES = 100
_LARGEST = 1 << 20  # bytes


def sign_note(text: str, *signers: Signer) -> bytes:
    """The note; the text ends in a newline and holds no other control character."""
    assert _is_text(text)
    lines = []
    for signer in signers:
        key = signer.verifier
        signature = base64.b64encode(key.id + signer.sign(text.encode())).decode()
        lines.append(f"{_DASH}{key.name} {signature}\n")
    return f"{text}\n{''.join(lines)}".encode()


def split_note(data: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text, not to be trusted yet, and its (key name, ID and signature) pairs.

    Raises ValueError.
    """
    if len(data) > _LARGEST:
        raise ValueError("it is larger than a signed note may be")
    whole = data.decode("utf-8")
    text, separator, tail = whole.rpartition("\n\n")
    text += "\n"
    if not separator or not _is_text(text) or not tail.endswith("\n"):
        raise ValueError("it is no signed note: text, an empty line, signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise ValueError(f"it has more than {_MOST_SIGNATURES} signatures")
    return text, [_signature(line) for line in lines]


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> tuple[str, tuple[str, ...]]:
    """The text of a note, and the names of the known keys that signed it: at least one.

    Signatures by other keys are ignored; one by a known key that does not hold fails the
    note.  Raises VerificationError PC7101.
    """
    try:
        text, signatures = split_note(data)
    except ValueError as fault:
        raise _unsigned(str(fault)) from None
    keys = _checked(text, signatures, verifiers)
    if not keys:
        by = ", ".join(sorted({name for name, _ in signatures}))
        raise _unsigned(f"it is signed by `{by}`, which is none of the given keys")
    return text, tuple(key.name for key in keys)


def signers(data: bytes, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """The known keys that signed a note; none for what ``open_note`` refuses."""
    try:
        return _checked(*split_note(data), verifiers)
    except (ValueError, VerificationError):
        return ()


def _checked(
    text: str, signatures: Iterable[tuple[str, bytes]], verifiers: Iterable[Verifier]
) -> tuple[Verifier, ...]:
    """The known keys among the signatures; VerificationError when one of those does not hold."""
    known = {(key.name, key.id): key for key in verifiers}
    found: list[Verifier] = []
    for name, signature in signatures:
        key = known.get((name, signature[:4]))
        if key is not None:
            key.check(text.encode(), signature[4:])
            found.append(key)
    return tuple(found)


def _signature(line: str) -> tuple[str, bytes]:
    name, separator, code = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not name or "+" in name:
        raise ValueError("a signature line is not of the form `— NAME BASE64`")
    data = from_base64(code)
    if len(data) <= 4:
        raise ValueError("a signature is too short")
    return name, data


def _is_text(text: str) -> bool:
    return text.endswith("\n") and len(text) > 1 and not any(c < " " and c != "\n" for c in text)


def _unsigned(why: str) -> VerificationError:
    return VerificationError(
        "PC7101", why, help="name the signer's public key, or sign again with a key that is known"
    )
