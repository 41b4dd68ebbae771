"""Numbers of the kernel and their names."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib import resources

COMPAT: Mapping[str, str] = {"amd64": "386", "arm64": "arm"}
"""Architecture (GOARCH words) -> the 32-bit one whose calls its kernel also takes."""

OPENING = frozenset({"open", "openat", "openat2", "creat", "open_by_handle_at"})
"""Calls that return a descriptor of a path."""

ACCEPTING = frozenset({"accept", "accept4"})
"""Calls that return a descriptor of a connection."""

READING = frozenset({"read"})
"""Calls that fill the buffer which is their second argument."""

READING_VECTORS = frozenset({"readv", "preadv2", "vmsplice"})
"""Calls that fill the buffers which their second argument lists (readv(2), vmsplice(2))."""

RECEIVING = frozenset({"recvfrom"})
"""Calls that fill the buffer which is their second argument, with flags as the fourth; recv(2) is none of its own."""

RECEIVING_MESSAGES = frozenset({"recvmsg"})
"""Calls that fill the buffers which the message has that is their second argument, with flags as the third."""

CARRYING = frozenset({"recvmmsg", "splice", "tee"})
"""Calls that take from their first argument what the kernel side does not read."""

SENDING_FILES = frozenset({"sendfile"})
"""Calls that take it from their second argument."""

PROBING = frozenset({"uretprobe", "uprobe"})
"""Calls that the kernel puts where a program is probed, and kills for anywhere else (arch/x86/kernel/uprobes.c,
Linux 6.18): they are the recorder's, not the program's."""

OVERCOMMITTING = frozenset(
    """mmap mmap2 mremap mprotect brk execve execveat clone clone3 fork vfork shmget shmat memfd_create
    ftruncate fallocate""".split()
)
"""Calls in which the kernel asks for SYS_ADMIN only to know how much memory may be promised
(cap_vm_enough_memory in security/commoncap.c, Linux 6.18)."""

CAPABILITIES = (
    """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
    SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
    AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
    PERFMON BPF CHECKPOINT_RESTORE"""
).split()
"""By number, from 0 (include/uapi/linux/capability.h, Linux 6.18)."""


def architecture() -> str:
    """The kernel's, as a GOARCH word; KeyError when the recorder was never tried on it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def abis() -> tuple[str, str]:
    """The architectures of native and of compat calls."""
    native = architecture()
    return native, COMPAT[native]


@cache
def syscall_names(architecture: str) -> Mapping[int, str]:
    """Number -> name; sources stand in syscalls.tsv."""
    text = (resources.files("recorder") / "syscalls.tsv").read_text(encoding="utf-8")
    head, *rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    column = head.index(architecture)
    return {int(row[column]): row[0] for row in rows if row[column] != "-"}
