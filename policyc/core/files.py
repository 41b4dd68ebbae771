"""Files written whole or not at all, and folders listed whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from policyc.core.errors import PolicycError


def read_file(path: Path) -> bytes:
    """The bytes of a file the user named; PolicycError PC7050 when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise PolicycError(
            "PC7050",
            f"cannot read `{path}`: {fault.strerror}",
            help="check the path and its permissions",
        ) from fault


def files_below(folder: Path, *suffixes: str) -> list[Path]:
    """The files below a folder whose names end in one of the suffixes (all without any), sorted.

    Links to folders are not followed.  PolicycError PC7050 when a folder cannot be listed:
    what is in it would be passed over in silence.
    """
    try:
        return sorted(
            path
            for place, _, names in os.walk(folder, onerror=_stop)
            for name in names
            if not suffixes or name.endswith(suffixes)
            if (path := Path(place, name)).is_file()
        )
    except OSError as fault:
        raise PolicycError(
            "PC7050",
            f"cannot list `{fault.filename}`: {fault.strerror}",
            help="check the path and its permissions",
        ) from fault


def _stop(fault: OSError) -> None:
    raise fault


def make_folder(folder: Path) -> None:
    """The folder and those above it, where they are not there; PolicycError PC7053 when refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise PolicycError(
            "PC7053",
            f"cannot make the folder `{folder}`: {fault.strerror}",
            help="name a folder with `--output`, one that may be written",
        ) from fault


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` in one step; PolicycError PC7053 when refused.

    ``mode``: the permissions of a new file; those of an old one are kept.
    """
    try:
        mode = path.stat().st_mode & 0o7777 if path.exists() else mode
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as stream:
            temporary = Path(stream.name)
            try:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
                temporary.chmod(mode)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as fault:
        raise PolicycError(
            "PC7053",
            f"cannot write `{path}`: {fault.strerror}",
            help="check the permissions and the free space",
        ) from fault
