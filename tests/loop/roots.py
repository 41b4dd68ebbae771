"""Root file systems: of the agents, and of an image's layers."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from images.container import digest

from .node import WORLD

_AGENTS = Path(__file__).parent / "agents"


def agents_root(layout: Path, target: Path, authority: Path) -> Path:
    """The Python of an image, the agents' programs, and what they are told of the world."""
    unpacked(layout, target)
    hosts = "".join(f"{address} {name}\n" for name, address in WORLD.items())
    (target / "etc/hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
    (target / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    (target / "agent").mkdir()
    (target / "srv").mkdir(exist_ok=True)
    (target / "agent/ca.crt").write_bytes(authority.read_bytes())
    for program in _AGENTS.glob("*.py"):
        (target / "agent" / program.name).write_bytes(program.read_bytes())
    return target


def unpacked(layout: Path, target: Path) -> Path:
    """The files of an OCI layout whose image has no whiteouts (image-spec 1.0, layer.md)."""
    manifest = json.loads(_blob(layout, digest(layout)).read_bytes())
    target.mkdir(parents=True)
    for layer in manifest["layers"]:
        with tarfile.open(_blob(layout, layer["digest"])) as archive:
            # Before Python 3.11.4 there are no filters, and all is trusted.
            archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
            archive.extractall(target)
    return target


def config_of(layout: Path) -> dict[str, list[str]]:
    """Entrypoint, Cmd, Env and User as the image says (image-spec 1.0, config.md)."""
    manifest = json.loads(_blob(layout, digest(layout)).read_bytes())
    found: dict[str, list[str]] = json.loads(
        _blob(layout, manifest["config"]["digest"]).read_bytes()
    )["config"]
    return found


def _blob(layout: Path, name: str) -> Path:
    return layout / "blobs" / name.replace(":", "/")
