"""What is signed: one build by its manifest and its index, and its place in the order of builds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from policyc.core.errors import VerificationError

MANIFEST = "manifest.json"
"""The file of an output folder that lists the digests of all others."""

MOST_SERIAL = (1 << 53) - 1
"""The largest integer that every reader of JSON keeps exactly (RFC 8259, section 6)."""

MOUNTED_SIGNATURE = "bundle.sig"
"""The signature's name in a mounted volume, where nothing lies beside the folder."""
_MOUNTED = "..data"

_TEXT = re.compile(
    r"policyc\.dev/bundle@v2\nserial ([1-9][0-9]{0,15})"
    r"\nmanifest (sha256:[0-9a-f]{64})\nagents (sha256:[0-9a-f]{64})\n"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """``serial`` is 1 or more and only grows.

    ``manifest`` and ``agents`` are the digests of manifest.json, which lists all files, and
    of agents.json, from which the envelopes can be told where there is no folder.
    """

    serial: int
    manifest: str
    agents: str

    def to_text(self) -> str:
        """The text of the signed note."""
        return (
            f"policyc.dev/bundle@v2\nserial {self.serial}\n"
            f"manifest {self.manifest}\nagents {self.agents}\n"
        )


def parse_statement(text: str) -> Statement:
    """The statement of a note's text; ValueError when it says something else."""
    match = _TEXT.fullmatch(text)
    if match is None or int(match[1]) > MOST_SERIAL:
        raise ValueError("it is a signed note, but not one about a bundle")
    return Statement(int(match[1]), match[2], match[3])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a build and its signature lie, behind all links."""

    folder: Path
    signature: Path
    is_mounted: bool = False


def place_of(folder: Path) -> Place:
    """The place behind a folder's name.

    The signature lies beside the folder: ``generated.sig`` beside ``generated``.  Links to
    the folder are followed first, so that both come from one place.

    The kubelet replaces a mounted ConfigMap or Secret by turning the link ``..data`` in it
    over to a new folder beside the link (pkg/volume/util/atomic_writer.go, Kubernetes 1.36).
    Of such a mount everything is read behind that link, and so of one version; the signature
    lies there too, as ``bundle.sig``.  A link that leads elsewhere is VerificationError PC7101, as is
    the root of a file system.
    """
    real = Path(os.path.realpath(folder))
    link = real / _MOUNTED
    if not real.name:
        raise VerificationError(
            "PC7101",
            f"`{folder}` has no name, so no signature lies beside it",
            help="name the output folder of `policyc compile`",
        )
    if not link.is_symlink():
        return Place(real, real.with_name(f"{real.name}.sig"))
    behind = Path(os.path.realpath(link))
    if behind.parent != real:
        raise VerificationError(
            "PC7101",
            f"`{link}` leads out of the mount",
            help="mount the ConfigMap or Secret itself, or name the folder in it",
        )
    return Place(behind, behind / MOUNTED_SIGNATURE, is_mounted=True)


def signature_path(folder: Path) -> Path:
    """Where a folder's signature lies; VerificationError as of ``place_of``."""
    return place_of(folder).signature
