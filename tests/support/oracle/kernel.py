"""The real kernel as the judge of a seccomp profile.

A child process installs two filters.  The older one, the gate, answers every call
whose sixth argument is a magic number with an errno of its own, so that no probed call
is ever carried out.  The newer one is the profile, compiled by libseccomp as container
runtimes do it.  Of two filters the stricter action wins, and of two errnos the newer
filter's (seccomp(2)); so the gate's errno means that the profile would allow.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import mmap
import os
import platform
import resource
import signal
import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

MAGIC = 0x5EC0_3B9D
ALLOWED = 201  # no call returns it: it is above the kernel's errnos
HERE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
NOT_PROBED = {"amd64": frozenset({335, 336, *range(512, 548)})}
"""amd64: uretprobe and uprobe pass by every filter (kernel/seccomp.c, Linux 6.14 and later) and
kill a process that does not come from a probe; 512 to 547 are kept for x32."""
_DONE = 1

_ACT_ALLOW = 0x7FFF_0000
_ACT_ERRNO = 0x0005_0000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


class _Filter(ctypes.Structure):
    _fields_ = [  # ctypes' own form
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter))]


_LIBC = ctypes.PyDLL(None, use_errno=True)


@cache
def libseccomp() -> ctypes.CDLL:
    """The library that container runtimes use; loaded late, so that tests without it are found."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    return library


def answers(profile: dict[str, Any], numbers: Mapping[str, int], probed: list[int]) -> list[int]:
    """The errno that each call of ``probed`` gets under the profile.

    ``numbers`` maps the names in the profile to numbers of this machine.
    """
    libseccomp()  # loaded before the fork
    shared = mmap.mmap(-1, 2 * len(probed) + 2)
    pid = os.fork()
    if pid == 0:
        _child(profile, numbers, probed, shared)
    try:
        deadline = time.monotonic() + 60
        while shared[0] != _DONE:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                raise AssertionError(f"the probing process ended with {status}")
            if time.monotonic() > deadline:
                raise AssertionError("the probing process does not answer")
            time.sleep(0.0005)
    finally:
        if shared[0] == _DONE:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return list(struct.unpack_from(f"<{len(probed)}H", shared, 2))


def _child(
    profile: dict[str, Any], numbers: Mapping[str, int], probed: list[int], shared: mmap.mmap
) -> None:
    gc.disable()
    results = (ctypes.c_uint16 * len(probed)).from_buffer(shared, 2)
    flag = ctypes.c_ubyte.from_buffer(shared)
    call, get, put = _LIBC.syscall, ctypes.get_errno, ctypes.set_errno
    install_gate()
    install(profile, numbers)
    for at, number in enumerate(probed):
        put(0)
        call(number, 0, 0, 0, 0, 0, MAGIC)
        results[at] = get()
    flag.value = _DONE
    while True:  # the profile may not let the process end; the parent ends it
        pass


def interrupted(
    profile: dict[str, Any], numbers: Mapping[str, int], *signals: signal.Signals
) -> int:
    """The errno of a nanosleep under the profile that signals interrupt; 0: it slept to its end.

    SIGUSR1 has a handler. AssertionError when the process does not come so far.
    """
    libseccomp()  # loaded before the fork
    shared = mmap.mmap(-1, 2)
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    pid = os.fork()
    if pid == 0:
        try:
            faulthandler.disable()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            install(profile, numbers)
            moment = (ctypes.c_long * 2)(5, 0)
            failed = _LIBC.syscall(numbers["nanosleep"], moment, None)
            shared[:] = bytes((_DONE, ctypes.get_errno() if failed else 0))
        finally:
            while True:  # as above
                pass
    signal.signal(signal.SIGUSR1, before)
    try:
        deadline = time.monotonic() + 60
        _reaches(pid, "S", deadline)
        for number in signals:
            os.kill(pid, number)
            _reaches(pid, "T" if number == signal.SIGSTOP else "SR", deadline)
        while shared[0] != _DONE:
            assert _state(pid) in "SR", "it has ended"
            assert time.monotonic() < deadline, "the wait does not end"
            time.sleep(0.001)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return shared[1]


def _reaches(pid: int, states: str, deadline: float) -> None:
    while _state(pid) not in states:
        assert time.monotonic() < deadline, f"it is not in {states}"
        time.sleep(0.001)


def _state(pid: int) -> str:
    """S sleeps, R runs, T is stopped (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def install_gate() -> None:
    """Install the gate in this process; the programs that it starts have it too."""
    load_argument, jump_equal, answer = 0x20, 0x15, 0x06
    program = (_Filter * 4)(
        _Filter(load_argument, 0, 0, 16 + 8 * 5),
        _Filter(jump_equal, 0, 1, MAGIC),
        _Filter(answer, 0, 0, _ACT_ERRNO | ALLOWED),
        _Filter(answer, 0, 0, _ACT_ALLOW),
    )
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if _LIBC.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(4, program))):
        os._exit(99)


def install(profile: dict[str, Any], numbers: Mapping[str, int]) -> None:
    """Confine this process and the programs that it starts; it ends with 97 or 98 where that is impossible."""
    context = libseccomp().seccomp_init(_ACT_ERRNO | profile["defaultErrnoRet"])
    for entry in profile["syscalls"]:
        action = _ACT_ALLOW
        if entry["action"] == "SCMP_ACT_ERRNO":
            action = _ACT_ERRNO | entry["errnoRet"]
        for name in entry["names"]:
            if libseccomp().seccomp_rule_add_array(context, action, numbers[name], 0, None):
                os._exit(98)
    if libseccomp().seccomp_load(context):
        os._exit(97)
