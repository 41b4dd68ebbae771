"""What is signed: one manifest, and its place in the order of builds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"
"""The file of an output folder that lists the digests of all others."""

MOST_SERIAL = (1 << 53) - 1
"""The largest integer that every reader of JSON keeps exactly (RFC 8259, section 6)."""

_TEXT = re.compile(
    r"policyc\.dev/bundle@v1\nserial ([1-9][0-9]{0,15})\nmanifest (sha256:[0-9a-f]{64})\n"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """``serial`` is 1 or more and only grows; ``manifest`` is the digest of manifest.json."""

    serial: int
    manifest: str

    def to_text(self) -> str:
        """The text of the signed note."""
        return f"policyc.dev/bundle@v1\nserial {self.serial}\nmanifest {self.manifest}\n"


def parse_statement(text: str) -> Statement:
    """The statement of a note's text; ValueError when it says something else."""
    match = _TEXT.fullmatch(text)
    if match is None or int(match[1]) > MOST_SERIAL:
        raise ValueError("it is a signed note, but not one about a bundle")
    return Statement(int(match[1]), match[2])


def real_folder(folder: Path) -> Path:
    """The folder behind all links."""
    return Path(os.path.realpath(folder))


def signature_path(folder: Path) -> Path:
    """Where a folder's signature lies: ``generated.sig`` beside ``generated``.

    Links are followed first, so that folder and signature come from one place: a mounted
    ConfigMap is replaced by turning one link (``..data``) over.
    """
    real = real_folder(folder)
    return real.with_name(f"{real.name}.sig")
