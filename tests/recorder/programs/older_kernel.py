"""The recorder as on Linux up to 6.12, whose verifier keeps programs at sockets from the storage of a task.

``older_kernel.py PYTHON -m recorder ARGUMENT...``
"""

import errno
import sys
from collections.abc import Mapping
from pathlib import Path

from recorder import cli, kernel

loaded, is_loadable = kernel._loaded, kernel._is_loadable  # the kernel's part is played here


def _loaded(path: Path, entries: Mapping[str, int], refused: set[str]) -> tuple[int, set[str]]:
    if not refused >= kernel.AT_SOCKETS:
        raise kernel._UnloadableError(errno.EACCES)  # as above
    return loaded(path, entries, refused)


def _is_loadable(path: Path, entries: Mapping[str, int], program: str) -> bool:
    return program not in kernel.AT_SOCKETS and is_loadable(path, entries, program)


kernel._loaded, kernel._is_loadable = _loaded, _is_loadable  # as above
raise SystemExit(cli.main(sys.argv[4:]))
