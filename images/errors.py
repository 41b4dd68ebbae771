"""What stops the build of an image."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ImageError(Exception):
    """An image cannot be built here; the message says why."""


class StaleLockError(ImageError):
    """Debian has no longer what a lock names; nothing else is wrong."""


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The output of a program; ImageError with what it said when it failed or is not there."""
    try:
        done = subprocess.run(  # noqa: S603  # words of our own
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ImageError(f"`{command[0]}` is not installed") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise ImageError(f"`{' '.join(command[:3])}` failed with {done.returncode}\n{said}")
    return done.stdout


def succeeds(command: Sequence[str]) -> bool:
    """Whether a program that is a question says yes."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603  # words of our own
