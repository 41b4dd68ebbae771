"""Syscalls that a recording may lack although the program does nothing new later, and that give no right.

A recording sees what enters the kernel while it runs. What enters it only by chance, or on another node, ends
programs far from where they were recorded when a filter refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from policyc.catalog.syscalls import names

_UNSEEN = {
    # No program calls it: the kernel has a task make it that was stopped or frozen in a wait with a timeout
    # (restart_syscall(2); kernel/signal.c, Linux 6.12; github.com/moby/moby/pull/21117). Refused, the wait fails.
    "the kernel goes on with a wait that a stop interrupted": "restart_syscall",
    # No program calls them as such: the kernel puts their address where a handler returns to (sigreturn(2)).
    # Refused, the first signal that is handled ends the program.
    "the kernel has the handler of a signal return so": "rt_sigreturn sigreturn",
    # C libraries have no way on where it is refused: glibc tries again for ever (nptl/pthread_create.c, start_thread),
    # musl falls into what is not mapped (src/thread/x86_64/__unmapself.s). A recording of a service may hold no end.
    "a program or a thread of it may end": "exit exit_group",
    # Locks enter the kernel only where another thread holds them (futex(7)). glibc ends the program on an errno that
    # it does not know (sysdeps/nptl/futex-internal.h).
    "a lock enters the kernel only where another thread holds it": """
        futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake
        """,
    # Container runtimes' start-up has nanosleep; C libraries and CPython sleep by its sibling (clock_nanosleep(2)).
    "a program waits before it tries again": "clock_nanosleep clock_nanosleep_time64 nanosleep",
    # Asked of the vDSO, which asks the kernel only on a node whose clock source is no counter of the processor, or that was
    # started without a vDSO (vdso(7); Documentation/userspace-api/seccomp_filter.rst, "Caveats", Linux 6.12).
    "clocks are read without it where the node has a vDSO for its clock": """
        clock_getres clock_getres_time64 clock_gettime clock_gettime64 gettimeofday time
        """,
    "the processor is known without it where there is a vDSO": "getcpu riscv_hwprobe",
    # Made by the kernel where a tracer probes the end of a function (Linux 6.11 to 6.13; filters that know its name are
    # asked; github.com/systemd/systemd/pull/34713). Refused, the program is killed. From elsewhere it kills its caller.
    "the kernel makes it where a tracer probes a return": "uretprobe",
}
"""Why they are permitted -> the calls, of any architecture."""

UNSEEN: Mapping[str, str] = {
    name: why for why, listed in _UNSEEN.items() for name in listed.split()
}


@cache
def unseen(architecture: str) -> Mapping[str, str]:
    """Syscall of the architecture -> why it is permitted; KeyError when the architecture is none of ours."""
    return {name: UNSEEN[name] for name in sorted(UNSEEN.keys() & names(architecture))}
