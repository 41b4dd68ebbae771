"""Witnesses from elsewhere: checkpoints that were kept, and the API server's audit log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from policyc.audit.checkpoint import Checkpoint, read_checkpoint
from policyc.core.canonical import Json
from policyc.core.errors import PolicycError
from policyc.core.files import read_file
from policyc.core.strict_json import loads
from policyc.signing.keys import Verifier, from_base64

_LOG = re.compile(r"([^\s+]+/[0-9]{6}) (0|[1-9][0-9]{0,15}) ([A-Za-z0-9+/]{43}=)")


@dataclass(frozen=True, slots=True)
class Witness:
    """An audit annotation: at ``sequence`` of ``origin`` stands the record with this leaf hash."""

    origin: str
    sequence: int
    leaf: bytes


Anchor = Checkpoint | Witness


def read_anchors(paths: Iterable[Path], verifiers: Iterable[Verifier] | None) -> list[Anchor]:
    """The anchors of files: each a signed checkpoint, or audit events as JSON lines.

    Raises PolicycError PC7050 for a file that is neither, and VerificationError PC7101
    for a checkpoint that no known key has signed.
    """
    found: list[Anchor] = []
    for path in paths:
        data = read_file(path)
        if not data.lstrip().startswith(b"{"):
            found.append(read_checkpoint(data, verifiers))
            continue
        try:
            found += [w for line in data.splitlines() if line.strip() for w in _witnesses(line)]
        except ValueError as fault:
            raise PolicycError(
                "PC7050",
                f"`{path}` holds no audit events: {fault}",
                help="an event a line, as the API server's log backend writes them",
            ) from None
    return found


def _witnesses(line: bytes) -> Iterator[Witness]:
    """The annotation of each of our webhooks; the API server puts the webhook's name before it."""
    match loads(line):
        case {"annotations": dict(annotations)}:
            for key, value in annotations.items():
                if key.endswith("/log") and (found := _LOG.fullmatch(_text(value))):
                    yield Witness(found[1], int(found[2]), from_base64(found[3]))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
