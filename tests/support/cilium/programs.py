"""Builds Cilium from the Go modules that go.mod pins, and keeps its BPF sources and CRDs beside it.

The agent compiles its datapath at run time, so both are part of what it needs.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..go_build import FLAGS, cache, go, modules_digest  # noqa: TID252  # of `support` or `tests.support`

MODULE = Path(__file__).parent
_PATH = "github.com/cilium/cilium"
_CRDS = "pkg/k8s/apis/cilium.io/client/crds"


def find(environment: Mapping[str, str]) -> Path:
    """The folder of what `make network-plugin` built; AssertionError when it did not."""
    folder = _cache(environment)
    assert folder.is_dir(), "Cilium is not built: run `make network-plugin`"
    return folder


def build(environment: Mapping[str, str]) -> Path:
    """The folder with the programs, `bpf` and `crds`, built when it is not there yet."""
    target = _cache(environment)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    print("building Cilium, once: ten minutes of processor time", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        output = Path(folder, "programs")
        output.mkdir()
        go(MODULE, "build", *FLAGS, "-ldflags=-s -w", "-o", f"{output}/", "tool")
        source = Path(go(MODULE, "list", "-m", "-f", "{{.Dir}}", _PATH).strip())
        _copy(source / "bpf", output / "bpf")
        _copy(source / _CRDS, output / "crds")
        output.rename(target)
    return target


def _cache(environment: Mapping[str, str]) -> Path:
    return cache(environment, "network-plugin", modules_digest(MODULE))


def _copy(source: Path, target: Path) -> None:
    """Files of the module cache are read-only."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder in (target, *target.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
