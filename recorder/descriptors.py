"""How many files this process may have open: RLIMIT_NOFILE of getrlimit(2)."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TypeAlias

Limits: TypeAlias = "tuple[int, int]"
"""Soft and hard."""
RESERVE = 256
"""So many no library gets: they are for the files of runtimes, processes and profiles, and for connections."""
_OWN = Path("/proc/self/fd")


def raise_limit() -> Limits:
    """Take all that are allowed; the limits as they were."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, hard = before
    restore((hard, hard))
    return before


def restore(limits: Limits) -> None:
    """As they were, for a program that is to be started: some close all that they could have."""
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def are_scarce() -> bool:
    """Whether only those of the reserve are left, or not even they."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft - len(os.listdir(_OWN)) < RESERVE  # noqa: PTH208  # a Path for each would be waste
