"""Images as archives that containerd imports: an OCI layout in a tar file, with the name in its index."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.containers import BUSYBOX

_TYPE = "application/vnd.oci.image"


def of_layout(layout: Path, name: str, archive: Path) -> Path:
    """The one image of a layout, under a name."""
    blobs = {file.name: file.read_bytes() for file in (layout / "blobs" / "sha256").iterdir()}
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return _archive(entry, blobs, name, archive)


def of_busybox(command: Sequence[str], name: str, archive: Path) -> Path:
    """Busybox, its applets in /bin, and what it does."""
    applets = ("sh", "sleep", "cat", "true")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for applet in applets:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    blobs: dict[str, bytes] = {}
    content = _put(blobs, layer.getvalue(), f"{_TYPE}.layer.v1.tar")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [content["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _put(blobs, json.dumps(config).encode(), f"{_TYPE}.config.v1+json"),
        "layers": [content],
    }
    entry = _put(blobs, json.dumps(manifest).encode(), f"{_TYPE}.manifest.v1+json")
    return _archive(entry, blobs, name, archive)


def _put(blobs: dict[str, bytes], content: bytes, media_type: str) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _archive(
    entry: Mapping[str, object], blobs: Mapping[str, bytes], name: str, archive: Path
) -> Path:
    index = {
        "schemaVersion": 2,
        "manifests": [{**entry, "annotations": {"io.containerd.image.name": name}}],
    }
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(index).encode(),
        **{f"blobs/sha256/{digest}": content for digest, content in blobs.items()},
    }
    with tarfile.open(archive, "w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive
