"""Files written whole or not at all."""

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
