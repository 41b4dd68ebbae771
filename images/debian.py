"""Debian packages into a folder, without dpkg, scripts or a shell in it.

apt fetches them by name and checks them against the signed index of the release; what they
depend on is decided by hand (selection.py), since installation tools are most of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ImageError, run
from .selection import Selection, check_closed

RELEASE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = (
    ("debian", RELEASE),
    ("debian", f"{RELEASE}-updates"),
    ("debian-security", f"{RELEASE}-security"),
)
_FIELDS = ("Package", "Version", "Architecture", "Source", "Provides", "Pre-Depends", "Depends")

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


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package as it stands in an image; ``source`` is the name of its source package."""

    name: str
    version: str
    architecture: str
    source: str
    sha256: str


def fetch(selection: Selection, work: Path) -> tuple[tuple[Package, Path], ...]:
    """The packages, sorted by name, each with its file; ``work`` keeps the indices."""
    environment = os.environ | {"APT_CONFIG": str(_configure(work)), "LC_ALL": "C"}
    archives = work / "archives"
    shutil.rmtree(archives, ignore_errors=True)
    archives.mkdir()
    run(["apt-get", "update", "--quiet", "--error-on=any"], env=environment)
    run(["apt-get", "download", "--quiet", *sorted(selection.names)], cwd=archives, env=environment)
    found = sorted(archives.glob("*.deb"))
    controls = [_control(path) for path in found]
    _check(selection, controls)
    return tuple(
        sorted((_package(c, path) for c, path in zip(controls, found, strict=True)), key=_name)
    )


def unpack(packages: Sequence[tuple[Package, Path]], selection: Selection, root: Path) -> None:
    """The files of the packages below ``root``, and their records as distroless images keep them.

    `/var/lib/dpkg/status.d` is where scanners look when there is no dpkg.
    """
    records = root / "var/lib/dpkg/status.d"
    for package, archive in packages:
        run(["dpkg-deb", "--extract", str(archive), str(root)])
        records.mkdir(parents=True, exist_ok=True)
        (records / package.name).write_text(run(["dpkg-deb", "--field", str(archive)]))
    for folder in _UNREAD:
        shutil.rmtree(root / folder, ignore_errors=True)
    for path in sorted((root / "usr/share/doc").rglob("*"), reverse=True):
        _drop_unless_copyright(path)
    for module in selection.lost_modules:
        _drop_module(root, module)


def _configure(work: Path) -> Path:
    """An apt of our own: the host's sources and pins must not decide what an image holds."""
    if not KEYRING.exists():
        raise ImageError(f"`{KEYRING}` is not there: install debian-archive-keyring")
    for folder in ("apt/lists/partial", "apt/cache/archives/partial", "apt/apt.conf.d"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    home = work / "apt"
    (home / "status").touch()
    (home / "sources.list").write_text(
        "".join(
            f"deb [signed-by={KEYRING}] http://deb.debian.org/{archive} {suite} main\n"
            for archive, suite in _SOURCES
        )
    )
    settings = {
        "Dir::State": home,
        "Dir::State::status": home / "status",
        "Dir::Cache": home / "cache",
        "Dir::Etc": home,
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::parts": home / "apt.conf.d",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # the archives' folder is ours alone
    }
    path = home / "apt.conf"
    path.write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))
    return path


def _control(archive: Path) -> dict[str, str]:
    """The fields of a package that matter here, each on one line; absent ones are left out."""
    said = run(["dpkg-deb", "--field", str(archive), *_FIELDS])
    return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)


def _check(selection: Selection, controls: Sequence[dict[str, str]]) -> None:
    depends = {c["Package"]: f"{c.get('Pre-Depends', '')},{c.get('Depends', '')}" for c in controls}
    if missing := sorted(selection.names - depends.keys()):
        raise ImageError(f"apt fetched no `{missing[0]}`")
    provided = {
        name.split("(")[0].strip() for c in controls for name in c.get("Provides", "").split(",")
    }
    check_closed(selection, depends, frozenset(provided))


def _package(control: dict[str, str], archive: Path) -> tuple[Package, Path]:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    name = control["Package"]
    source = control.get("Source", name).split(" ")[0]
    package = Package(name, control["Version"], control["Architecture"], source, digest)
    return package, archive


def _name(found: tuple[Package, Path]) -> str:
    return found[0].name


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
