"""Whether a program may be probed where a function returns, without a seccomp filter killing it for that.

On amd64 the kernel makes such a probe a system call of the probed program, `uretprobe` (Linux 6.11).  Until 6.14
and the stable kernels of February 2025 filters saw that call and refused it, as they refuse all that they do not
know: the program died of being watched.  Two children try it: a version number would not tell what a distribution
has put into its kernel.
"""

from __future__ import annotations

import ctypes as c
import errno
import os
import signal
import struct
from enum import Enum, auto

from recorder import tables

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 4, 38, 22, 2
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # include/uapi/linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EXDEV  # include/uapi/linux/seccomp.h
_NO_FILTER = 127


class Tried(Enum):
    """What became of a child that made the call itself."""

    KILLED = auto()  # the kernel has it, and nobody stood before it
    UNKNOWN = auto()  # the kernel has no such call
    REFUSED = auto()  # by a filter, or nothing could be tried


def are_safe() -> bool:
    """Whether probes at returns disturb no program of this kernel; it starts two processes, which end at once."""
    names = tables.syscall_names(tables.architecture())
    number = next((number for number, name in names.items() if name == "uretprobe"), None)
    if number is None:  # on other architectures it is a breakpoint
        return True
    bare = _tried(number, is_filtered=False)
    return judged(
        bare, Tried.UNKNOWN if bare is Tried.UNKNOWN else _tried(number, is_filtered=True)
    )


def judged(bare: Tried, filtered: Tried) -> bool:
    """Whether they are safe, by what became of a child without a filter and of one whose filter refuses the call."""
    return bare is Tried.UNKNOWN or (bare, filtered) == (Tried.KILLED, Tried.KILLED)


class _Program(c.Structure):
    """``struct sock_fprog`` of include/uapi/linux/filter.h."""

    _fields_ = (("length", c.c_ushort), ("filter", c.c_void_p))


def _tried(number: int, *, is_filtered: bool) -> Tried:
    libc = c.CDLL(None, use_errno=True)
    steps = (
        (_LOAD_NUMBER, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 1, number),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = c.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), c.addressof(code))
    child = os.fork()
    if child:
        return _outcome(os.waitpid(child, 0)[1])
    try:
        signal.signal(signal.SIGILL, signal.SIG_DFL)  # nobody is to report it
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if is_filtered and libc.prctl(_PR_SET_SECCOMP, _FILTER, c.byref(program), 0, 0):
            os._exit(_NO_FILTER)
        libc.syscall(number)
        os._exit(c.get_errno())
    finally:
        os._exit(_NO_FILTER)


def _outcome(status: int) -> Tried:
    match os.waitstatus_to_exitcode(status):
        case errno.ENOSYS:
            return Tried.UNKNOWN
        case code if code == -signal.SIGILL:
            return Tried.KILLED
        case _:
            return Tried.REFUSED
