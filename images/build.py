"""One image from its recipe: packages, program, bytecode, container, bill of materials."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import archive, container, debian, lock, selection
from .errors import ImageError
from .python_tree import SITE, compile_all
from .recipes import Build, Recipe
from .sbom import bill

HERE = Path(__file__).parent
_ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
}


@dataclass(frozen=True, slots=True)
class Image:
    """A built image; ``size_bytes`` is the sum of its files, not compressed."""

    layout: Path
    digest: str
    size_bytes: int
    debian: lock.Choice


@dataclass(frozen=True, slots=True)
class Source:
    """Where Debian's packages come from, the locks, and what is done when one can no longer be had."""

    address: str = archive.ADDRESS
    take_newer: bool = False
    locks: Path = HERE / "locks"


def build(recipe: Recipe, output: Path, epoch: int, source: Source) -> Image:
    """Write `NAME/`, an OCI layout, and `NAME.cdx.json` below ``output``."""
    if os.geteuid() != 0:
        raise ImageError("images are built as root: their files are root's")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".work-") as folder:
        work = Path(folder)
        chosen = _fill(recipe, work, epoch, source)
        root = work / "context" / "root"
        size = _size(root)
        layout = output / recipe.name
        digest = container.build(
            recipe.folder / "Containerfile", work / "context", layout, epoch, work
        )
        document = bill(recipe.name, digest, epoch, chosen, root / SITE)
    text = json.dumps(document, indent=2, sort_keys=True)
    (output / f"{recipe.name}.cdx.json").write_text(text + "\n", encoding="utf-8")
    return Image(layout, digest, size, chosen)


def renew_lock(recipe: Recipe, architecture: str, source: Source) -> bool:
    """Write the lock of an image with what Debian has today; whether it is another one."""
    wanted, found = _offers(recipe, architecture, source)
    newest = [versions[0] for versions in found.values()]
    debian.check(wanted, newest)
    path, text = lock.path_of(source.locks, recipe.name, architecture), lock.text(newest)
    is_new = not path.exists() or path.read_text(encoding="utf-8") != text
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return is_new


def updates(recipe: Recipe, architecture: str, source: Source) -> Mapping[str, str]:
    """Package -> version, of what Debian has newer than the lock of an image."""
    wanted, found = _offers(recipe, architecture, source)
    return lock.behind(
        lock.read(lock.path_of(source.locks, recipe.name, architecture), wanted.names), found
    )


def selection_of(recipe: Recipe) -> selection.Selection:
    return selection.read(HERE / "python.txt", recipe.folder / "packages.txt")


def _offers(
    recipe: Recipe, architecture: str, source: Source
) -> tuple[selection.Selection, lock.Offered]:
    wanted = selection_of(recipe)
    with tempfile.TemporaryDirectory() as folder:
        index = archive.fetch_index(Path(folder), architecture, source.address)
        return wanted, index.offered(wanted.names)


def _fill(recipe: Recipe, work: Path, epoch: int, source: Source) -> lock.Choice:
    root = work / "context" / "root"
    root.mkdir(parents=True)
    wanted = selection_of(recipe)
    architecture = archive.ARCHITECTURES[platform.machine()]
    locked = lock.read(lock.path_of(source.locks, recipe.name, architecture), wanted.names)
    index = archive.fetch_index(work / "apt", architecture, source.address)
    chosen = lock.choose(locked, index.offered(wanted.names), take_newer=source.take_newer)
    debian.check(wanted, chosen.packages)
    debian.unpack(debian.fetch(index, chosen.packages, work / "archives"), wanted, root)
    for name, text in _ACCOUNTS.items():
        (root / name).write_text(text)
    recipe.fill(Build(root, work, epoch, platform.machine()))
    compile_all(root)
    return chosen


def _size(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir())
