"""The name servers that a container was given: those that its runtime wrote down, and not what it made of the file."""

from __future__ import annotations

import ipaddress
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

PATH = "etc/resolv.conf"
_LONGEST = 1 << 16


def name_servers(text: str) -> Iterator[str]:
    """The addresses that a resolv.conf(5) names; what is none is left out."""
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                try:
                    yield str(ipaddress.ip_address(address.partition("%")[0]))
                except ValueError:
                    continue


def given(bundle: Path, root: Path, config: Mapping[str, object]) -> tuple[str, ...]:
    """Those of a bundle's file, as it was when the bundle was made: what is there later may be the container's word.

    ``root`` is the host's.  Not those on loopback: there a container can answer itself.
    """
    file = _file(bundle, root, config)
    try:
        made = (bundle / "config.json").stat().st_ctime_ns
        found = name_servers(_read(file, made)) if file else ()
        return tuple(sorted({a for a in found if not ipaddress.ip_address(a).is_loopback}))
    except OSError:
        return ()


def _file(bundle: Path, root: Path, config: Mapping[str, object]) -> Path | None:
    """What the container sees at /etc/resolv.conf: a mount, else its root file system's own."""
    mounts, told = config.get("mounts"), config.get("root")
    inside = Path("/") / bundle.relative_to(root)
    for mount in reversed(mounts) if isinstance(mounts, list) else ():
        if (
            isinstance(mount, dict)
            and posixpath.normpath(str(mount.get("destination"))) == f"/{PATH}"
        ):
            return root / str(inside / str(mount.get("source"))).lstrip("/")
    named = told.get("path") if isinstance(told, dict) else None
    return root / str(inside / named / PATH).lstrip("/") if isinstance(named, str) else None


def _read(file: Path, until_ns: int) -> str:
    """A regular file that was not changed since; OSError for anything else.  Nobody but the kernel sets a change time."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_ctime_ns > until_ns:
            raise FileNotFoundError(file)
        return opened.read(_LONGEST).decode("utf-8", "replace")
