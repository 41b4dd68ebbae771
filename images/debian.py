"""Debian packages into a folder, without dpkg, scripts or a shell in it.

What they depend on is decided by hand (selection.py), since installation tools are most of it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .archive import Archive, Package
from .errors import ImageError, run
from .selection import Selection, check_closed

# What nobody reads in a container; the copyright files stay.
_UNREAD = (
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/menu",
    "usr/share/info",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/test",
)


def check(selection: Selection, packages: Sequence[Package]) -> None:
    """ImageError when a dependency of these packages was never decided."""
    provided = (name for p in packages for name in p.provides.split(","))
    check_closed(
        selection,
        {package.name: package.depends for package in packages},
        frozenset(name.split("(")[0].strip() for name in provided),
    )


def fetch(archive: Archive, packages: Sequence[Package], folder: Path) -> Mapping[str, Path]:
    """Package -> its file in the new ``folder``, each with the digest that was asked for."""
    folder.mkdir()
    archive.download(packages, folder)
    files = {run(["dpkg-deb", "--field", str(f), "Package"]).strip(): f for f in folder.iterdir()}
    for package in packages:
        if hashlib.sha256(files[package.name].read_bytes()).hexdigest() != package.sha256:
            raise ImageError(f"the file of `{package.name}` is not that of the index")
    return files


def unpack(files: Mapping[str, Path], selection: Selection, root: Path) -> None:
    """The files of the packages below ``root``, and their records as distroless images keep them.

    `/var/lib/dpkg/status.d` is where scanners look when there is no dpkg.
    """
    records = root / "var/lib/dpkg/status.d"
    for name, archive in sorted(files.items()):
        run(["dpkg-deb", "--extract", str(archive), str(root)])
        records.mkdir(parents=True, exist_ok=True)
        (records / name).write_text(run(["dpkg-deb", "--field", str(archive)]))
    for folder in _UNREAD:
        shutil.rmtree(root / folder, ignore_errors=True)
    for path in sorted((root / "usr/share/doc").rglob("*"), reverse=True):
        _drop_unless_copyright(path)
    for module in selection.lost_modules:
        _drop_module(root, module)


def _drop_unless_copyright(path: Path) -> None:
    if path.is_symlink() or (path.is_file() and path.name != "copyright"):
        path.unlink()
    elif path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _drop_module(root: Path, module: str) -> None:
    found = list(root.glob(f"usr/lib/python3.*/lib-dynload/{module}.*.so"))
    if len(found) != 1:
        raise ImageError(f"there is no extension module `{module}` to leave out")
    found[0].unlink()
