"""Tests that are alone on the machine: a recorder sees every container on it, so there is one such test at a time."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

STARTERS = frozenset({"support.containers", "support.recorder"})
"""What starts containers, or the recorder."""
LOCK = Path("/run/lock/policyc-recorder")
"""One for the whole machine: other test runs, and the loop, go by it, too."""


def is_alone(module: ModuleType) -> bool:
    """Whether a module uses one of ``STARTERS``, itself or by way of others of `support`.

    It is seen by the functions and classes that it imports, so that no test can forget to say it.
    """
    waiting, seen = [module], {module.__name__}
    while waiting:
        for name in _origins(waiting.pop()) - seen:
            seen.add(name)
            waiting.append(sys.modules[name])
    return not seen.isdisjoint(STARTERS)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until nobody else on this machine is alone, and keep the others waiting; the end of a process lets them go on."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _origins(module: ModuleType) -> set[str]:
    """The modules of `support` that what a module holds comes from."""
    values = vars(module).values()
    names = {
        v.__name__ if isinstance(v, ModuleType) else getattr(v, "__module__", "") for v in values
    }
    return {name for name in names if str(name).startswith("support.") and name in sys.modules}
