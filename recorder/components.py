"""What a program is made of, as far as the paths of the files that it opened tell: packages and model files.

Python keeps what is installed in `site-packages` or `dist-packages`, with its metadata in
`NAME-VERSION.dist-info` (packaging.python.org, Recording installed projects, 2026); Node in
`node_modules`, and pnpm in `node_modules/.pnpm/NAME@VERSION` (pnpm.io/symlinked-node-modules-structure).
Hugging Face's cache holds `models--OWNER--NAME/blobs/DIGEST`, in which large files are named by
their SHA-256; Ollama `models/blobs/sha256-DIGEST`, and a manifest at `models/manifests/HOST/OWNER/NAME/TAG`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from recorder.profile import Sighting, Values

DOMAINS = ("packages", "modelFiles")
"""Domains of a profile that follow from `files`, and share its losses."""

FORMATS = {
    ".ckpt": "checkpoint",
    ".engine": "tensorrt",
    ".ggml": "ggml",
    ".gguf": "gguf",
    ".keras": "keras",
    ".llamafile": "llamafile",
    ".mlmodel": "coreml",
    ".onnx": "onnx",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".safetensors": "safetensors",
    ".tflite": "tflite",
}
"""Suffix of a file with weights -> its format."""

_SITE = re.compile(r"(.*/(?:site|dist)-packages)/(?:__pycache__/)?([^/]+)(/.+)?")
_METADATA = re.compile(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist-info|egg-info|egg)")
_MODULE = re.compile(r"([A-Za-z_]\w*)(\.[\w.-]+)?\.(?:py|pyc|so)", re.ASCII)
_NODE = re.compile(r"(.*/node_modules/((?:@[^/.][^/]*/)?[^/.@][^/]*))/.+")
_PNPM = re.compile(r".*/node_modules/\.pnpm/(@[^/+]+\+)?[^/@]+@([^/_(]+)[^/]*/node_modules/.+")
_HUGGING_FACE = re.compile(r".*/models--([^/]+)/blobs/([0-9a-f]{64})")
_OLLAMA_BLOB = re.compile(r".*/models/blobs/sha256-([0-9a-f]{64})")
_OLLAMA_MANIFEST = re.compile(r".*/models/manifests/([^/]+/[^/]+/[^/]+)/([^/]+)")


def of_files(found: Iterable[Sighting]) -> Iterator[Sighting]:
    """The packages and model files that sightings of files show, each as often as its most opened file."""
    joined: dict[tuple[str, Values, str], Sighting] = {}
    for sighting in found:
        if sighting.domain != "files":
            continue
        for domain, values in _components(str(dict(sighting.values)["path"])):
            key = (domain, values, sighting.phase)
            other = joined.get(key, sighting)
            joined[key] = replace(
                other,
                domain=domain,
                values=values,
                first=min(other.first, sighting.first),
                last=max(other.last, sighting.last),
                count=max(other.count, sighting.count),
            )
    yield from joined.values()


def _components(path: str) -> Iterator[tuple[str, Values]]:
    package = _python(path) or _node(path)
    if package:
        yield "packages", package
    model = None if package else _model(path)
    if model:
        yield "modelFiles", model


def _values(**fields: str) -> Values:
    """Fields that are known, in the order of their names."""
    return tuple(sorted((name, text) for name, text in fields.items() if text))


def _python(path: str) -> Values | None:
    found = _SITE.fullmatch(path)
    if not found:
        return None
    site, name, inner = found.groups()
    if metadata := _METADATA.fullmatch(name):
        # One name in all its spellings (PEP 503).
        normal = re.sub(r"[-_.]+", "-", metadata[1]).lower()
        return _values(
            kind="python-distribution", name=normal, version=metadata[2], path=f"{site}/{name}"
        )
    if inner:
        is_code = name.isidentifier() and inner.endswith((".py", ".pyc", ".so"))
        return _values(kind="python-module", name=name, path=f"{site}/{name}") if is_code else None
    module = _MODULE.fullmatch(name)
    if module is None:
        return None
    return _values(kind="python-module", name=module[1], path=site)


def _node(path: str) -> Values | None:
    found = _NODE.fullmatch(path)
    if not found:
        return None
    version = _PNPM.fullmatch(path)
    return _values(
        kind="node-package",
        name=found[2],
        version=version[2] if version else "",
        path=found[1],
    )


def _model(path: str) -> Values | None:
    if found := _HUGGING_FACE.fullmatch(path):
        return _values(path=path, name=found[1].replace("--", "/"), digest=f"sha256:{found[2]}")
    if found := _OLLAMA_BLOB.fullmatch(path):
        return _values(path=path, digest=f"sha256:{found[1]}")
    if found := _OLLAMA_MANIFEST.fullmatch(path):
        return _values(path=path, name=found[1], version=found[2])
    format_ = FORMATS.get(posixpath.splitext(path)[1].lower())
    # Python's own .pth files, which lengthen sys.path, lie at the top of `site-packages`.
    is_path_file = path.endswith(".pth") and posixpath.dirname(path).endswith("-packages")
    return _values(path=path, format=format_) if format_ and not is_path_file else None
