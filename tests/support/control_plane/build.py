"""Builds kube-apiserver, kube-controller-manager and kubectl from the Go modules that go.mod pins."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ..go_build import FLAGS, SETTINGS, go  # noqa: TID252  # of `support` or `tests.support`
from .programs import BUILT, MODULE, cache

_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""Both hold the variables that hack/lib/version.sh of Kubernetes sets at link time (1.36)."""


def main() -> int:
    """Make sure that the programs are there; print their folder."""
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        print(assets)
        return 0
    target = cache(os.environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent / "lock"):
        if not all((target / name).exists() for name in BUILT):
            _build(target)
    print(target)
    return 0


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two builds at once would do all the work twice."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    """All programs or none: they appear in the cache in one step."""
    started = time.monotonic()
    print("fetching the Go modules", file=sys.stderr, flush=True)
    info = json.loads(go(MODULE, "list", "-m", "-json", "k8s.io/kubernetes"))
    packages = frozenset(go(MODULE, "list", "-deps", "tool").split())
    print(f"building Kubernetes {info['Version']}, once", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        output = Path(folder, "programs")
        output.mkdir()
        _compile(output, _link_flags(info["Version"], info["Time"]), packages)
        output.rename(target)
    print(f"built in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _link_flags(version: str, date: str) -> str:
    """Without symbols, with what `kubectl version` and `/version` show."""
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "",  # a module carries no commit
        "gitTreeState": "archive",
        "buildDate": date,
    }
    settings = [
        f"-X={p}.{name}={value}" for p in _VERSION_PACKAGES for name, value in values.items()
    ]
    return " ".join(("-s", "-w", *settings))


def _compile(output: Path, link_flags: str, packages: frozenset[str]) -> None:
    command = ["go", "build", "-v", *FLAGS, "-ldflags", link_flags, "-o", f"{output}/", "tool"]
    with subprocess.Popen(
        command, cwd=MODULE, env=os.environ | SETTINGS, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        _show(process.stderr, packages)
    if process.returncode:
        raise SystemExit(f"go build failed with {process.returncode}")


def _show(lines: Iterable[str], packages: frozenset[str]) -> None:
    """A bar on a terminal, else a line each tenth; what is no package name is passed on."""
    step = max(1, len(packages) // 10)
    done = 0
    with tqdm(total=len(packages), unit="package", disable=None) as progress:
        for line in lines:
            if line.strip() not in packages:
                progress.write(line.rstrip(), file=sys.stderr)
                continue
            done += 1
            progress.update()
            if progress.disable and done % step == 0:
                print(f"{done} of {len(packages)} packages", file=sys.stderr, flush=True)
