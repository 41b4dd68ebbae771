"""Wheels to install from, without a network: of this tree, and of what this environment holds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.samples import ROOT


def wheelhouse(folder: Path, *extras: str) -> Path:
    """A folder with a wheel of policyc, as it is built for an index, and of all that it needs."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (own,) = folder.glob("policyc-*.whl")
    with zipfile.ZipFile(own) as wheel:
        about = "-".join(own.name.split("-")[:2]) + ".dist-info/"
        for found in _needed(PathDistribution(zipfile.Path(wheel, about)), extras):
            _repack(found, folder)
    return folder


def _needed(first: Distribution, extras: tuple[str, ...]) -> list[Distribution]:
    """All that a distribution with extras needs, out of this environment, each once."""
    found: dict[str, Distribution] = {}
    waiting = [(first, extras)]
    while waiting:
        known, wanted = waiting.pop()
        for line in known.requires or ():
            one = Requirement(line)
            asked = [one.marker is None or one.marker.evaluate({"extra": e}) for e in (*wanted, "")]
            name = canonicalize_name(one.name)
            if any(asked) and name not in found:
                found[name] = distribution(name)
                waiting.append((found[name], tuple(one.extras)))
    return list(found.values())


def _repack(found: Distribution, folder: Path) -> None:
    """An installed distribution as the wheel that it came from; pip writes its scripts again."""
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line[5:].split("-") for line in lines if line[:5] == "Tag: "]
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    stem = canonicalize_name(found.name).replace("-", "_")
    with zipfile.ZipFile(folder / f"{stem}-{found.version}-{tag}.whl", "w") as wheel:
        for path in found.files or ():
            name = path.as_posix()
            if not name.startswith("..") and "__pycache__" not in name:
                wheel.write(str(found.locate_file(path)), name)
