"""A signed build as objects of a cluster, for where no folder can be mounted.

Each envelope is an ``AgentEnvelope`` and is found by the digest of its spec, whatever the
object is called: old and new ones stand side by side while a build is rolled out.  One
``EnvelopeBundle`` holds the signature and the signed index, which names the digests of all;
the build is in force when all of them are there, in one step.  Who wrote the objects does not
matter: what no known key signed is passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policyc.bundle.files import listed_in, read_manifest, read_one
from policyc.bundle.statement import Statement, parse_statement, place_of
from policyc.core.canonical import Json, canonical_json, digest
from policyc.core.errors import VerificationError
from policyc.core.strict_json import loads
from policyc.envelope.codec import KIND as ENVELOPE
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import Entry, read_index
from policyc.signing.keys import Verifier
from policyc.signing.notes import open_note, split_note

GROUP, VERSION = "policyc.dev", "v1"
API_VERSION = f"{GROUP}/{VERSION}"
BUNDLE = "EnvelopeBundle"
SERIAL = "policyc.dev/serial"
"""Label of all objects of the build that was written last: the others may go."""
_LARGEST = 64 << 20  # bytes of an index; that of 10,000 agents has 7 MiB
_MARK, _STEM = 16, 100


@dataclass(frozen=True, slots=True)
class Build:
    """What one EnvelopeBundle says, verified; ``note`` is its signature, to be judged again."""

    statement: Statement
    entries: list[Entry]
    note: bytes


def objects_of(folder: Path) -> Iterator[dict[str, Json]]:
    """The objects of a signed folder, the EnvelopeBundle last.

    The signature is carried over and not judged: those who read the objects have the keys.
    VerificationError PC7101 when it is about other files, or the folder is not whole.
    """
    place = place_of(folder)
    try:
        note = place.signature.read_bytes()
        statement = parse_statement(split_note(note)[0])
    except (OSError, ValueError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else fault
        raise VerificationError(
            "PC7101",
            f"`{place.signature}`: {said}",
            help="sign the folder with `policyc bundle sign` first",
        ) from None
    manifest = read_manifest(place.folder)
    listed = listed_in(manifest)
    index = read_one(place.folder, INDEX, listed)
    if (digest(manifest), digest(index)) != (statement.manifest, statement.agents):
        raise VerificationError(
            "PC7101", f"`{folder}`: the signature is about another build", help="sign it again"
        )
    labels: Json = {SERIAL: str(statement.serial)}
    for entry in read_index(index):
        yield _envelope(loads(read_one(place.folder, entry.path, listed)), entry, labels)
    packed = base64.b64encode(zlib.compress(index, 9)).decode()
    yield {
        "apiVersion": API_VERSION,
        "kind": BUNDLE,
        "metadata": {"name": f"serial-{statement.serial}", "labels": labels},
        "spec": {"signature": note.decode(), "agents": packed},
    }


def _envelope(document: Json, entry: Entry, labels: Json) -> dict[str, Json]:
    assert isinstance(document, dict)
    stem = re.sub(r"[^a-z0-9]+", "-", entry.subject.agent.lower())[:_STEM].strip("-") or "agent"
    mark = entry.digest.removeprefix("sha256:")[:_MARK]
    return {**document, "metadata": {"name": f"{stem}.{mark}", "labels": labels}}


def read_envelope(body: dict[str, Any]) -> tuple[str, bytes] | None:
    """The digest of an AgentEnvelope's spec, worked out anew, and its document; None: it has none.

    What the object is called, and the digest that it claims to have, count for nothing.
    """
    spec = body.get("spec")
    subject = spec.get("subject") if isinstance(spec, dict) else None
    agent = subject.get("agent") if isinstance(subject, dict) else None
    if not isinstance(agent, str):
        return None
    try:
        text = _written(spec, body.get("digest"))
    except (ValueError, RecursionError):  # no JSON of ours: NaN, a lone surrogate
        return None
    code = digest(text)
    around: Json = {
        "apiVersion": API_VERSION,
        "digest": code,
        "kind": ENVELOPE,
        "metadata": {"name": agent},
    }
    # Canonical as a whole: no key of these comes after `spec`, which is most of it and written once.
    return code, canonical_json(around)[:-1] + b',"spec":' + text + b"}"


def _written(spec: Json, claimed: object) -> bytes:
    """Canonical JSON; from an encoder in Rust, ten times as fast, where it writes what the claimed digest is of.

    It sorts no keys: the API server does.  A claim that is true of another text names an envelope that
    no index names, as any false spec does.
    """
    from pydantic_core import to_json  # noqa: PLC0415  # comes with the client that reads objects

    text = to_json(spec)
    return text if digest(text) == claimed else canonical_json(spec)


def read_build(body: dict[str, Any], public_keys: Iterable[Verifier]) -> Build:
    """What an EnvelopeBundle says; VerificationError PC7101 when no known key signed it."""
    try:
        match body.get("spec"):
            case {"signature": str(note), "agents": str(packed)}:
                signed = note.encode()
                statement = parse_statement(open_note(signed, public_keys)[0])
                index = _unpacked(packed)
            case _:
                raise ValueError("it has no signature or no index")  # noqa: TRY301
        if digest(index) != statement.agents:
            raise ValueError(f"the signature is about another {INDEX}")  # noqa: TRY301
        return Build(statement, read_index(index), signed)
    except ValueError as fault:
        raise VerificationError("PC7101", str(fault), help="apply it again") from None


def _unpacked(text: str) -> bytes:
    """ValueError when it is no index that was packed, or one that is too large."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(base64.b64decode(text, validate=True), _LARGEST)
    except (binascii.Error, zlib.error) as fault:
        raise ValueError(f"the index cannot be unpacked: {fault}") from None
    if not unpacker.eof:
        raise ValueError("the index is cut off, or too large")
    return data
