"""The Python part of an image: locked wheels, our own packages, and their bytecode."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

from .errors import ImageError, run

SITE = Path("usr/lib/python3/dist-packages")
"""Where Debian's Python looks (its site.py)."""
PYTHON = "/usr/bin/python3.11"
_VERSION = "3.11"
_ASYNCIO_CLIENT = (
    *("aiohappyeyeballs", "aiohttp", "aiohttp_retry", "aiosignal", "frozenlist"),
    *("multidict", "propcache", "yarl"),
)
_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")


def install_wheels(requirements: Path, root: Path, machine: str) -> None:
    """The locked wheels for the image's Python, each checked against its digest.

    Debug information is taken out afterwards: of uvloop it is two thirds.
    """
    platforms = [f"--platform={p}_{machine}" for p in _PLATFORMS]
    target = root / SITE
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *("--require-hashes", "--requirement", str(requirements), "--target", str(target)),
            *("--only-binary=:all:", f"--python-version={_VERSION}", "--implementation=cp"),
            *platforms,
        ]
    )
    for library in sorted(target.rglob("*.so")):
        run(["strip", "--strip-debug", str(library)])
    # Scripts start the interpreter that installed them; the entry point is `python -m`.
    shutil.rmtree(target / "bin", ignore_errors=True)


def install_project(source: Path, root: Path, work: Path, epoch: int) -> None:
    """The project's own wheel, built from the tree and unpacked; it is pure Python."""
    shutil.rmtree(work / "wheel", ignore_errors=True)
    run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(work / "wheel"), str(source)),
        ],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)},
    )
    for path in (work / "wheel").glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(root / SITE)


def drop_asyncio_client(root: Path) -> None:
    """Of the Kubernetes client half is a second one, over aiohttp, which nothing here imports."""
    target = root / SITE
    shutil.rmtree(target / "kubernetes" / "aio")
    for name in _ASYNCIO_CLIENT:
        shutil.rmtree(target / name)
        (record,) = target.glob(f"{name}-*.dist-info")
        shutil.rmtree(record)


def compile_generated(root: Path) -> None:
    """Bytecode without docstrings in place of the client's generated source, eight tenths of it text."""
    for part in ("api", "models"):
        folder = SITE / "kubernetes" / "client" / part
        _compile(root, "-b", "-o2", f"/{folder}")
        for path in (root / folder).glob("*.py"):
            path.unlink()


def copy_package(folder: Path, root: Path, patterns: tuple[str, ...]) -> None:
    """One package of the tree, the files that match; ImageError when a pattern matches none."""
    for pattern in patterns:
        found = sorted(folder.rglob(pattern))
        if not found:
            raise ImageError(f"`{folder.name}` has no `{pattern}`: build it first")
        for path in found:
            target = root / SITE / folder.name / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def compile_all(root: Path) -> None:
    """Bytecode that is used as it is, since nothing can be written in a container."""
    (root / "usr/bin/python3").symlink_to(Path(PYTHON).name)
    _compile(root, "/usr/lib/python3.11", f"/{SITE}")


def _compile(root: Path, *arguments: str) -> None:
    """A fixed seed and one process: constants in sets would else come out in any order."""
    run(
        [
            *("chroot", str(root), PYTHON, "-m", "compileall", "-q", "-j1"),
            *("--invalidation-mode", "unchecked-hash", *arguments),
        ],
        env={"PATH": "/usr/sbin:/usr/bin", "PYTHONHASHSEED": "0"},
    )
