"""Named Ed25519 keys, in the text form that tools for signed notes share.

A public key is ``NAME+ID+BASE64`` and a private one ``PRIVATE+KEY+NAME+ID+BASE64``, one a
line.  ID is eight hexadecimal digits, the first four bytes of SHA-256 over the name, a
newline and the encoded key; the encoding is the byte 0x01 (Ed25519) and 32 bytes of key.
Sources: c2sp.org/signed-note for names and IDs; golang.org/x/mod/sumdb/note (v0.30) for
the text form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policyc.core.errors import PolicycError, VerificationError
from policyc.core.files import read_file

_ED25519 = b"\x01"
_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name that its owner signs with."""

    name: str
    key: bytes  # 32 bytes, RFC 8032

    @property
    def id(self) -> bytes:
        """Four bytes: a hint which key signed, no proof of anything."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:4]

    def check(self, message: bytes, signature: bytes) -> None:
        """Raises VerificationError PC7101 when the signature is not this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            raise VerificationError(
                "PC7101",
                f"the signature of `{self.name}` does not hold",
                help="take it as forged until you know better",
            ) from None

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_to_text(_ED25519 + self.key)}"


class Signer:
    """A private key and its owner's name; never printed."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(checked_name(name), self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """64 bytes, RFC 8032."""
        return self._key.sign(message)

    def to_text(self) -> str:
        """The private key in its text form."""
        seed = _to_text(_ED25519 + self._key.private_bytes_raw())
        return f"{_PRIVATE}{self.verifier.name}+{self.verifier.id.hex()}+{seed}"


def checked_name(name: str) -> str:
    """The name, when it may stand in a signature line; PolicycError PC7103 when not."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise PolicycError(
            "PC7103",
            f"`{name}` cannot name a key",
            help="a name such as `policy.example.com/bundles`: no spaces, no `+`",
        )
    return name


def generate(name: str) -> Signer:
    """A new key, from the operating system's randomness."""
    return Signer(name, Ed25519PrivateKey.generate().private_bytes_raw())


def parse_signer(text: str) -> Signer:
    """A private key out of its text form; ValueError when it is none."""
    text = text.strip()
    if not text.startswith(_PRIVATE):
        raise ValueError("not a private key; the private one of a pair is the file without `.pub`")
    name, key_id, seed = _parts(text.removeprefix(_PRIVATE))
    signer = Signer(name, seed)
    if signer.verifier.id != key_id:
        raise ValueError("the ID is not that of the key")
    return signer


def parse_verifier(text: str) -> Verifier:
    """A public key out of its text form; ValueError when it is none."""
    if text.strip().startswith(_PRIVATE):
        raise ValueError("this is a private key; the public one of the pair is in the file `.pub`")
    name, key_id, key = _parts(text.strip())
    verifier = Verifier(name, key)
    if verifier.id != key_id:
        raise ValueError("the ID is not that of the key")
    return verifier


def read_signer(path: Path) -> Signer:
    """The private key of a file; PolicycError PC7050 or PC7103."""
    try:
        return parse_signer(read_file(path).decode())
    except ValueError as fault:
        raise _unusable(path, fault) from None


def read_verifiers(paths: Iterable[Path]) -> tuple[Verifier, ...]:
    """The public keys of files: one a line, ``#`` begins a comment; PolicycError as above."""
    found: list[Verifier] = []
    for path in paths:
        try:
            lines = read_file(path).decode().splitlines()
            keys = [parse_verifier(row) for row in map(_bare, lines) if row]
        except ValueError as fault:
            raise _unusable(path, fault) from None
        if not keys:
            raise _unusable(path, ValueError("it holds none"))
        found += keys
    return tuple(found)


def from_base64(text: str) -> bytes:
    """RFC 4648, section 4, in its one canonical spelling; ValueError for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if _to_text(data) != text:
        raise ValueError("not the canonical base64 of its bytes")
    return data


def _bare(line: str) -> str:
    return line.partition("#")[0].strip()


def _parts(text: str) -> tuple[str, bytes, bytes]:
    # base64 may hold a `+`, a name may not: the first two separate.
    name, _, rest = text.partition("+")
    key_id, _, key = rest.partition("+")
    data = from_base64(key)
    if not name or len(key_id) != 8 or data[:1] != _ED25519 or len(data) != 33:
        raise ValueError("not an Ed25519 key of the form NAME+ID+BASE64")
    return checked_name(name), bytes.fromhex(key_id), data[1:]


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unusable(path: Path, fault: ValueError) -> PolicycError:
    return PolicycError(
        "PC7103",
        f"`{path}` holds no usable key: {fault}",
        help="make keys with `policyc bundle keygen NAME --output FILE`",
    )
