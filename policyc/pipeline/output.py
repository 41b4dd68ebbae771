"""The output folder: compared, then replaced whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from policyc.core.canonical import digest
from policyc.core.errors import PolicycError
from policyc.core.files import files_below

MANIFEST = "manifest.json"
_RENAME_EXCHANGE = 2  # renameat2(2)
_AT_FDCWD = -100


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every regular file below ``folder`` by its slash-separated path; empty when absent."""
    if not folder.is_dir():
        return {}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_below(folder)}


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """The digest of each file's contents."""
    return {name: digest(data) for name, data in files.items()}


def tree_digest(digests: Mapping[str, str]) -> str:
    """One digest for names and contents, of the digests of all files."""
    lines = (f"{found} {name}\n" for name, found in sorted(digests.items()))
    return digest("".join(lines).encode())


def replace_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make ``folder`` hold exactly ``files``.

    The new tree is written beside the old one and the two are exchanged in one
    system call, so a kill at any moment leaves one of them whole.  A folder that
    holds anything without holding a manifest of ours is refused, as is one that
    cannot be written.  Raises PolicycError PC7052 or PC7053.
    """
    refuse_foreign(folder)
    target = Path(os.path.realpath(folder))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target)
        fresh = _beside(target, os.getpid())
        fresh.mkdir()
    except OSError as fault:
        raise _unwritable(folder, fault) from fault
    try:
        _write_all(fresh, files)
        fresh.chmod(0o755)
        _swap(fresh, target)
    except OSError as fault:
        raise _unwritable(folder, fault) from fault
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _beside(target: Path, pid: int | str) -> Path:
    return target.with_name(f".{target.name}.new-{pid}")


def sweep(folder: Path) -> None:
    """Remove what killed runs left beside ``folder``: old or half-written trees of processes that are gone."""
    target = Path(os.path.realpath(folder))
    prefix = _beside(target, "").name
    for path in target.parent.glob(f"{prefix}*"):
        pid = path.name.removeprefix(prefix)
        if pid.isdigit() and not _is_running(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    """Whether there is such a process, as POSIX kill(2) with signal 0 tells; /proc is Linux's only."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def refuse_foreign(folder: Path) -> None:
    """PolicycError PC7052 for what is no folder, or holds what no build wrote."""
    if folder.exists() and not folder.is_dir():
        raise PolicycError(
            "PC7052",
            f"`{folder}` is not a folder",
            help="name another output folder with `--output`",
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise PolicycError(
            "PC7052",
            f"`{folder}` holds files that policyc did not write",
            help=f"name another output folder, or empty this one (it has no {MANIFEST})",
        )


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    made: set[Path] = set()
    for name, data in files.items():
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        with path.open("wb") as stream:
            stream.write(data)
    # One barrier for the whole tree instead of one fsync a file: the exchange must
    # not become durable before the contents.
    os.sync()


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    if _exchange(fresh, target):
        return
    # No renameat2 (not Linux, or a file system without it): two renames; a kill
    # between them leaves the old tree under its `.old` name, whole.
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    with contextlib.suppress(AttributeError, OSError):
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        result = renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE)
        if result == 0:
            return True
        if ctypes.get_errno() not in (errno.ENOSYS, errno.EINVAL):
            raise PolicycError("PC7053", f"cannot replace `{b}`: {os.strerror(ctypes.get_errno())}")
    return False


def _unwritable(folder: Path, fault: OSError) -> PolicycError:
    return PolicycError(
        "PC7053",
        f"cannot write `{folder}`: {fault.strerror}",
        help="check the permissions and the free space, or name another folder with `--output`",
    )
