"""The lock of an image: which version of each Debian package it is made of, and the digest of its file.

`locks/NAME-ARCHITECTURE.txt`; a line is `name version sha256`.  Debian's
archive forgets: a version goes some time after the next one came.  Then an image is made anew of
what there is, never silently: docs/adr/0019-debian-lock.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .archive import Package
from .errors import ImageError, StaleLockError, succeeds

RENEW = "`make lock-images` renews the locks; read the difference and commit it"

Offered: TypeAlias = Mapping[str, Sequence[Package]]


@dataclass(frozen=True, slots=True)
class Pin:
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """``path`` is what messages call it by."""

    path: Path
    pins: Mapping[str, Pin]


@dataclass(frozen=True, slots=True)
class Choice:
    """What an image is made of, sorted by name; ``newer`` are those that the lock has older."""

    packages: tuple[Package, ...]
    newer: Mapping[str, str] = field(default_factory=dict)
    """Package -> the version of the lock."""


def path_of(folder: Path, image: str, architecture: str) -> Path:
    return folder / f"{image}-{architecture}.txt"


def read(path: Path, names: Collection[str]) -> Lock:
    """ImageError when it is not there, cannot be read, or is not of these packages."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ImageError(f"there is no `{_short(path)}`; {RENEW}") from None
    pins: dict[str, Pin] = {}
    for line in lines:
        match line.partition("#")[0].split():
            case []:
                continue
            case [name, version, sha256] if name not in pins and re.fullmatch(
                "[0-9a-f]{64}", sha256
            ):
                pins[name] = Pin(version, sha256)
            case _:
                raise ImageError(
                    f"`{_short(path)}`: `{line}` is not `name version sha256`, or stands there twice"
                )
    if differing := sorted(pins.keys() ^ set(names)):
        raise ImageError(
            f"`{_short(path)}` is not of this list of packages: `{differing[0]}`; {RENEW}"
        )
    return Lock(path, pins)


def text(packages: Iterable[Package]) -> str:
    """What `read` reads."""
    lines = sorted(f"{p.name} {p.version} {p.sha256}" for p in packages)
    head = "# The Debian packages of the image: name, version, SHA-256 of the file.  Written by `make lock-images`."
    return "".join(f"{line}\n" for line in (head, *lines))


def choose(lock: Lock, offered: Offered, *, take_newer: bool) -> Choice:
    """The packages of the lock; with ``take_newer``, when one is gone, the newest of each.

    All or none: of one day's packages Debian says that they fit each other.

    Raises:
        StaleLockError: A package of the lock is gone.
        ImageError: A file of the same version has another digest, or there are only older versions.

    """
    locked = {name: _locked(lock, name, versions) for name, versions in sorted(offered.items())}
    gone = [name for name, package in locked.items() if package is None]
    if not gone:
        return Choice(tuple(package for package in locked.values() if package is not None))
    if not take_newer:
        raise StaleLockError(_stale(lock, gone, offered))
    newest = tuple(offered[name][0] for name in locked)
    for package in newest:
        _check_not_older(lock, package)
    before = {p.name: lock.pins[p.name].version for p in newest}
    return Choice(newest, {p.name: before[p.name] for p in newest if p.version != before[p.name]})


def behind(lock: Lock, offered: Offered) -> Mapping[str, str]:
    """Package -> the newest version, of those that Debian has newer than the lock."""
    return {
        name: versions[0].version
        for name, versions in sorted(offered.items())
        if versions[0].version != lock.pins[name].version
    }


def _locked(lock: Lock, name: str, versions: Sequence[Package]) -> Package | None:
    pin = lock.pins[name]
    for package in versions:
        if package.version == pin.version:
            if package.sha256 != pin.sha256:
                raise ImageError(
                    f"`{name} {pin.version}` of the archive is not the file of `{_short(lock.path)}`: "
                    f"its SHA-256 is {package.sha256}, and a version never changes"
                )
            return package
    return None


def _check_not_older(lock: Lock, package: Package) -> None:
    """An archive that has gone back in time would bring holes back that were closed."""
    before = lock.pins[package.name].version
    if not succeeds(["dpkg", "--compare-versions", package.version, "ge", before]):
        raise ImageError(
            f"the archive has `{package.name} {package.version}`, older than {before} of `{_short(lock.path)}`"
        )


def _stale(lock: Lock, gone: Sequence[str], offered: Offered) -> str:
    moved = ", ".join(
        f"{name} {lock.pins[name].version} (now {offered[name][0].version})" for name in gone
    )
    return (
        f"Debian was updated and no longer has what `{_short(lock.path)}` names: {moved}; {RENEW}"
    )


def _short(path: Path) -> str:
    return str(Path(*path.parts[-3:]))
