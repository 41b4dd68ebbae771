"""Syscalls that no recording can be trusted to hold, and that give no right.

A recording sees what enters the kernel.  Here is what may enter it one day although the program does nothing new:
a filter that refuses it ends programs far from where they were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from policyc.catalog.syscalls import names

_CONTINUING = frozenset({"restart_syscall"})
# No program calls it.  The kernel has a task make it that was stopped or frozen in a wait with a timeout, to go on
# with that one (restart_syscall(2); kernel/signal.c, Linux 6.12); container engines permit it for this
# (github.com/moby/moby/pull/21117).  Refused, nanosleep, poll and futex fail with EPERM.
_VDSO = frozenset(
    """
    clock_getres clock_getres_time64 clock_gettime clock_gettime64 getcpu gettimeofday riscv_hwprobe time
    """.split()
)
# Libraries ask the vDSO, which calls the kernel only where it cannot answer itself: on a node whose clock source is no
# counter of the processor, or that was started without one (vdso(7); Documentation/userspace-api/seccomp_filter.rst,
# "Caveats", Linux 6.12).  What the vDSO of some architecture has and always calls the kernel for is seen, and not here.


@cache
def unseen(architecture: str) -> Mapping[str, str]:
    """Syscall -> why it is permitted; KeyError when the architecture is none of ours."""
    why = dict.fromkeys(_CONTINUING, "the kernel goes on with a wait that a stop interrupted")
    why |= dict.fromkeys(_VDSO, "the vDSO does without it where the node's clock allows")
    return {name: note for name, note in sorted(why.items()) if name in names(architecture)}
