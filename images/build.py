"""One image from its recipe: packages, program, bytecode, container, bill of materials."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import container, debian, selection
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


def build(recipe: Recipe, output: Path, epoch: int) -> Image:
    """Write `NAME/`, an OCI layout, and `NAME.cdx.json` below ``output``."""
    if os.geteuid() != 0:
        raise ImageError("images are built as root: their files are root's")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".work-") as folder:
        work = Path(folder)
        packages = _fill(recipe, work, epoch)
        root = work / "context" / "root"
        size = _size(root)
        layout = output / recipe.name
        digest = container.build(
            recipe.folder / "Containerfile", work / "context", layout, epoch, work
        )
        document = bill(recipe.name, digest, epoch, packages, root / SITE)
    text = json.dumps(document, indent=2, sort_keys=True)
    (output / f"{recipe.name}.cdx.json").write_text(text + "\n", encoding="utf-8")
    return Image(layout, digest, size)


def _fill(recipe: Recipe, work: Path, epoch: int) -> tuple[debian.Package, ...]:
    root = work / "context" / "root"
    root.mkdir(parents=True)
    chosen = selection.read(HERE / "python.txt", recipe.folder / "packages.txt")
    packages = debian.fetch(chosen, work)
    debian.unpack(packages, chosen, root)
    for name, text in _ACCOUNTS.items():
        (root / name).write_text(text)
    recipe.fill(Build(root, work, epoch, platform.machine()))
    compile_all(root)
    return tuple(package for package, _ in packages)


def _size(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir())
