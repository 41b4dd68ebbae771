"""buildah, without a daemon and without the storage of the host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import ImageError, run


def build(containerfile: Path, context: Path, layout: Path, epoch: int, work: Path) -> str:
    """Write the image as an OCI layout; the digest of its manifest.

    ``context`` is the folder that the Containerfile copies from.  Every date in the image is
    ``epoch``, in seconds, and files are root's.
    """
    storage = work / "storage"
    buildah = (
        *("buildah", "--storage-driver", "vfs"),
        *("--root", str(storage / "root"), "--runroot", str(storage / "run")),
    )
    shutil.rmtree(layout, ignore_errors=True)
    layout.parent.mkdir(parents=True, exist_ok=True)
    try:
        _build(buildah, containerfile, context, epoch)
        target = f"oci:{layout}:latest"
        run([*buildah, "push", "--quiet", "--format", "oci", "localhost/image", target])
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    return digest(layout)


def digest(layout: Path) -> str:
    """Of the only manifest of an OCI layout (image-spec 1.0, image-layout.md)."""
    index = json.loads((layout / "index.json").read_bytes())
    match index["manifests"]:
        case [{"digest": str(found)}]:
            return found
        case _:
            raise ImageError(f"`{layout}` does not hold one image")


def _build(buildah: Sequence[str], containerfile: Path, context: Path, epoch: int) -> None:
    run(
        [
            *(*buildah, "build", "--quiet", "--isolation", "chroot"),
            *("--format", "oci", "--layers=false", "--identity-label=false"),
            *("--timestamp", str(epoch), "--tag", "localhost/image"),
            *("--file", str(containerfile), str(context)),
        ]
    )
