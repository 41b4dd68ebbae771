"""The policy root as a git revision holds it, beside the working tree and never in it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from policyc.core.errors import PolicycError

_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What git tells its hooks; it holds for another folder than the one that is asked here."""


@contextmanager
def at_revision(root: Path, revision: str) -> Iterator[Path]:
    """A folder with all that ``revision`` has below ``root``; empty where it has nothing there.

    Raises PolicycError PC3181 when there is no such revision, PC3183 when git cannot say.
    """
    commit = _commit(root, revision)
    with TemporaryDirectory(prefix="policyc-") as name:
        folder = Path(name) / root.resolve().name
        folder.mkdir()
        if _git(root, "ls-tree", "--name-only", commit, "--", "."):
            with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", commit, "--", "."))) as held:
                _extract(held, folder)
        yield folder


def _extract(held: tarfile.TarFile, folder: Path) -> None:
    """All of it, but nothing that leads out of the folder."""
    if hasattr(tarfile, "data_filter"):
        held.extractall(folder, filter="data")
        return
    # Before Python 3.11.4 nobody looks where a link leads.
    for member in held.getmembers():
        inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
        if not inside or not (member.isreg() or member.isdir()):
            raise PolicycError(
                "PC3183",
                f"`{member.name}` of the revision is no file or folder below the policy root",
                help="compare with Python 3.11.4 or later, which tells links apart",
            )
    held.extractall(folder)  # noqa: S202  # each was looked at


def _commit(root: Path, revision: str) -> str:
    _git(root, "rev-parse", "--git-dir")  # a folder that no repository holds says so here
    wanted = f"{revision}^{{commit}}"
    done = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if done.returncode != 0 or not revision:
        raise PolicycError(
            "PC3181",
            f"there is no revision `{revision}` in the repository of `{root}`",
            help="fetch it (`git fetch`; a shallow clone holds one commit), or name another",
        )
    return done.stdout.decode().strip()


def _git(root: Path, *arguments: str) -> bytes:
    done = _run(root, *arguments)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PolicycError(
            "PC3183",
            f"git cannot read `{root}`: {said[0] if said else 'it says nothing'}",
            help="the policy root must lie in a git repository that this user may read",
        )
    return done.stdout


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in _OF_A_HOOK}
    try:
        return subprocess.run(  # noqa: S603  # no shell; revisions stand behind --end-of-options
            ["git", "-C", str(root), *arguments],  # noqa: S607  # the user's own git
            capture_output=True,
            check=False,
            env=environment,
        )
    except OSError as fault:
        raise PolicycError(
            "PC3183", f"git cannot be run: {fault.strerror}", help="install git"
        ) from fault
