"""What paths tell of packages and model files."""

from __future__ import annotations

import pytest

from recorder import components
from recorder.profile import Sighting, Values

SITE = "/usr/lib/python3.11/site-packages"
DIGEST = "0f" * 32
TOLD = {
    f"{SITE}/PyYAML-6.0.1.dist-info/METADATA": {
        "kind": "python-distribution", "name": "pyyaml", "version": "6.0.1", "path": f"{SITE}/PyYAML-6.0.1.dist-info",
    },
    f"{SITE}/zope.interface-5.4-py3.11.egg-info": {
        "kind": "python-distribution", "name": "zope-interface", "version": "5.4",
        "path": f"{SITE}/zope.interface-5.4-py3.11.egg-info",
    },
    f"{SITE}/yaml/__pycache__/loader.cpython-311.pyc": {"kind": "python-module", "name": "yaml", "path": f"{SITE}/yaml"},
    f"{SITE}/__pycache__/six.cpython-311.pyc": {"kind": "python-module", "name": "six", "path": SITE},
    f"{SITE}/_cffi_backend.cpython-311-x86_64-linux-gnu.so": {
        "kind": "python-module", "name": "_cffi_backend", "path": SITE,
    },
    "/app/node_modules/left-pad/index.js": {
        "kind": "node-package", "name": "left-pad", "path": "/app/node_modules/left-pad",
    },
    "/app/node_modules/a/node_modules/@scope/b/package.json": {
        "kind": "node-package", "name": "@scope/b", "path": "/app/node_modules/a/node_modules/@scope/b",
    },
    "/app/node_modules/.pnpm/@scope+b@1.3.0_peer@2/node_modules/@scope/b/index.js": {
        "kind": "node-package", "name": "@scope/b", "version": "1.3.0",
        "path": "/app/node_modules/.pnpm/@scope+b@1.3.0_peer@2/node_modules/@scope/b",
    },
    "/models/llama-3-8b.Q4_K_M.gguf": {"path": "/models/llama-3-8b.Q4_K_M.gguf", "format": "gguf"},
    "/w/net.SafeTensors": {"path": "/w/net.SafeTensors", "format": "safetensors"},
    f"/h/hub/models--org--name/blobs/{DIGEST}": {
        "path": f"/h/hub/models--org--name/blobs/{DIGEST}", "name": "org/name", "digest": f"sha256:{DIGEST}",
    },
    f"/root/.ollama/models/blobs/sha256-{DIGEST}": {
        "path": f"/root/.ollama/models/blobs/sha256-{DIGEST}", "digest": f"sha256:{DIGEST}",
    },
    "/root/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b": {
        "path": "/root/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b",
        "name": "registry.ollama.ai/library/llama3", "version": "8b",
    },
}  # fmt: skip
SILENT = (
    "/etc/hostname",
    SITE,
    f"{SITE}/yaml",
    f"{SITE}/distutils-precedence.pth",
    f"{SITE}/numpy.libs/libgfortran.so.5",
    f"{SITE}/yaml/notes.txt",
    "/app/node_modules",
    "/app/node_modules/.package-lock.json",
    "/app/node_modules/.bin/tsc",
    "/h/hub/models--org--name/blobs/0f0f",  # a small file: no weights
)


def _of(*paths: str) -> list[tuple[str, Values]]:
    files = [
        Sighting("files", (("modes", ("read",)), ("path", path)), "application") for path in paths
    ]
    return [(s.domain, s.values) for s in components.of_files(files)]


@pytest.mark.parametrize("path", sorted(TOLD))
def test_a_path_tells_what_it_is_of(path: str) -> None:
    domain = "packages" if "kind" in TOLD[path] else "modelFiles"
    assert _of(path) == [(domain, tuple(sorted(TOLD[path].items())))]


@pytest.mark.parametrize("path", SILENT)
def test_other_paths_tell_nothing(path: str) -> None:
    assert _of(path) == []


def test_many_files_of_one_package_are_one_item() -> None:
    opened = [
        Sighting("files", (("modes", ("read",)), ("path", f"{SITE}/yaml/{name}.py")), "application", first, first, 3)
        for name, first in (("a", 5.0), ("b", 2.0))
    ]  # fmt: skip
    (only,) = components.of_files(opened)
    assert (only.first, only.last, only.count) == (2.0, 5.0, 3)
