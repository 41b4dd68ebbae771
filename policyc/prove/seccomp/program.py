"""An OCI seccomp profile as the cBPF program that container runtimes load.

libseccomp makes it, called as runc does (libcontainer/seccomp/seccomp_linux.go, runc 1.3):
names are resolved by the library, those that it does not know are left out, and a call of
an architecture that the profile does not list is killed, which is the library's default.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from policyc.core.canonical import Json
from policyc.core.errors import InternalError, PolicycError

AUDIT_ARCH: Mapping[str, int] = {
    # linux/audit.h, Linux 6.18; libseccomp's tokens are the same numbers (seccomp.h, 2.6).
    "amd64": 0xC000003E,
    "arm64": 0xC00000B7,
    "386": 0x40000003,
    "arm": 0x40000028,
    "ppc64le": 0xC0000015,
    "riscv64": 0xC00000F3,
    "s390x": 0x80000016,
}
"""GOARCH word -> what the kernel puts into ``seccomp_data.arch``."""

_BIG_ENDIAN = frozenset({"s390x"})

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
"""Actions of linux/seccomp.h; the low 16 bits of an ERRNO are the error number."""

_UNKNOWN = -1  # __NR_SCMP_ERROR: the library has never heard of the name
_ELSEWHERE = -10_000
"""seccomp-syscalls.h: from here down are the names that an architecture does not have; between are
those that it also has behind socketcall(2) or ipc(2)."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """``struct sock_filter`` of linux/filter.h."""

    code: int
    jt: int
    jf: int
    k: int


@dataclass(frozen=True, slots=True)
class Program:
    """The instructions, and the names of which this libseccomp made none.

    ``left_out``: it does not know them on the architecture.  ``unsaid``: this machine does not
    have them, so that a library of another machine may say more.
    """

    instructions: tuple[Instruction, ...]
    left_out: frozenset[str]
    unsaid: frozenset[str]


def program(profile: Mapping[str, Json], architecture: str) -> Program:
    """The program of a profile that policyc writes.

    Raises PolicycError PC3152 without libseccomp, and PC3154 where the architecture has
    another order of bytes than this machine, for which the library makes no true filter.
    """
    if (architecture in _BIG_ENDIAN) != (sys.byteorder == "big"):
        raise PolicycError(
            "PC3154",
            f"a filter for {architecture} cannot be made here: its order of bytes is another",
            help=f"prove it on a machine of {architecture}",
        )
    library = _libseccomp()
    default, entries = profile["defaultErrnoRet"], profile["syscalls"]
    assert isinstance(default, int) and isinstance(entries, list)
    context = library.seccomp_init(ERRNO | default)
    if not context:
        raise InternalError("libseccomp made no filter")
    try:
        token = AUDIT_ARCH[architecture]
        _only(library, context, token)
        left_out: set[str] = set()
        unsaid: set[str] = set()
        for entry in entries:
            names, action = _entry(entry)
            for name in names:
                number = library.seccomp_syscall_resolve_name(name.encode())
                here = library.seccomp_syscall_resolve_name_arch(token, name.encode())
                if number == _UNKNOWN or here <= _ELSEWHERE:
                    left_out.add(name)
                else:
                    unsaid |= {name} if number <= _ELSEWHERE else set()
                    added = library.seccomp_rule_add_array(context, action, number, 0, None)
                    _must(added, f"add a rule for {name}")
        return Program(_exported(library, context), frozenset(left_out), frozenset(unsaid))
    finally:
        library.seccomp_release(context)


def _entry(entry: Json) -> tuple[list[str], int]:
    """The names of an entry of the profile, and what the filter answers them."""
    assert isinstance(entry, dict)
    names, errno = entry["names"], entry.get("errnoRet", 0)
    assert isinstance(names, list) and isinstance(errno, int)
    action = ALLOW if entry["action"] == "SCMP_ACT_ALLOW" else ERRNO | errno
    return [str(name) for name in names], action


@cache
def _libseccomp() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError as fault:
        raise PolicycError(
            "PC3152",
            "libseccomp, which makes filters of profiles, cannot be loaded",
            help="install it: `apt-get install libseccomp2`, `dnf install libseccomp`",
        ) from fault
    pointer, word, number = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int
    library.seccomp_init.restype = pointer
    library.seccomp_init.argtypes = [word]
    library.seccomp_release.argtypes = [pointer]
    library.seccomp_arch_native.restype = word
    library.seccomp_arch_add.argtypes = [pointer, word]
    library.seccomp_arch_remove.argtypes = [pointer, word]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_syscall_resolve_name_arch.argtypes = [word, ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [pointer, word, number, ctypes.c_uint, pointer]
    library.seccomp_export_bpf.argtypes = [pointer, number]
    return library


def _only(library: ctypes.CDLL, context: int, wanted: int) -> None:
    native = library.seccomp_arch_native()
    if native != wanted:  # one goes first: a filter has one order of bytes
        _must(library.seccomp_arch_remove(context, native), "remove an architecture")
        _must(library.seccomp_arch_add(context, wanted), "add an architecture")


def _exported(library: ctypes.CDLL, context: int) -> tuple[Instruction, ...]:
    handle = os.memfd_create("filter")
    with os.fdopen(handle, "rb") as stream:
        _must(library.seccomp_export_bpf(context, handle), "export the filter")
        stream.seek(0)
        data = stream.read()
    return tuple(Instruction(*fields) for fields in struct.iter_unpack("=HBBI", data))


def _must(result: int, what: str) -> None:
    if result < 0:
        raise InternalError(f"libseccomp could not {what}: {os.strerror(-result)}")
