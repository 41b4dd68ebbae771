"""Syscalls that do the same for a program: a C library or kernel update swaps one for another.

A member never gives a right that another member lacks (the manual pages of
section 2): ``openat2`` and ``open`` open files, ``clone3`` and ``fork`` make children.
Calls that change namespaces, mounts or credentials are in no class.
"""

from __future__ import annotations

from functools import cache

CLASSES: dict[str, tuple[str, ...]] = {
    "open": ("open", "openat", "openat2", "creat"),
    "child": ("clone", "clone3", "fork", "vfork"),
    "stat": (
        "stat",
        "stat64",
        "fstat",
        "fstat64",
        "lstat",
        "lstat64",
        "newfstatat",
        "fstatat64",
        "statx",
    ),
    "statfs": ("statfs", "statfs64", "fstatfs", "fstatfs64"),
    "access": ("access", "faccessat", "faccessat2"),
    "poll": ("poll", "ppoll", "ppoll_time64"),
    "select": ("select", "_newselect", "pselect6", "pselect6_time64"),
    "epoll_create": ("epoll_create", "epoll_create1"),
    "epoll_wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "dup": ("dup2", "dup3"),
    "pipe": ("pipe", "pipe2"),
    "accept": ("accept", "accept4"),
    "send": ("send", "sendto", "sendmsg", "sendmmsg"),
    "receive": ("recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"),
    "eventfd": ("eventfd", "eventfd2"),
    "signalfd": ("signalfd", "signalfd4"),
    "inotify_init": ("inotify_init", "inotify_init1"),
    "mkdir": ("mkdir", "mkdirat"),
    "rmdir": ("rmdir", "unlinkat", "unlink"),
    "rename": ("rename", "renameat", "renameat2"),
    "link": ("link", "linkat"),
    "symlink": ("symlink", "symlinkat"),
    "readlink": ("readlink", "readlinkat"),
    "chmod": ("chmod", "fchmodat", "fchmodat2"),
    "chown": ("chown", "chown32", "fchownat", "lchown", "lchown32"),
    "utime": ("utime", "utimes", "futimesat", "utimensat", "utimensat_time64"),
    "getdents": ("getdents", "getdents64"),
    "futex": ("futex", "futex_time64", "futex_wait", "futex_wake", "futex_waitv", "futex_requeue"),
    "clock_gettime": ("clock_gettime", "clock_gettime64", "gettimeofday", "time"),
    "sleep": ("nanosleep", "clock_nanosleep", "clock_nanosleep_time64"),
    "getrlimit": ("getrlimit", "ugetrlimit", "prlimit64"),
    "exit": ("exit", "exit_group"),
    "wait": ("wait4", "waitid", "waitpid"),
    "sendfile": ("sendfile", "sendfile64"),
    "mmap": ("mmap", "mmap2"),
    "seek": ("lseek", "_llseek"),
    "fcntl": ("fcntl", "fcntl64"),
}


@cache
def class_of(name: str) -> tuple[str, frozenset[str]]:
    """The class's name and members; a call in no class is alone in its own."""
    for label, members in CLASSES.items():
        if name in members:
            return label, frozenset(members)
    return name, frozenset({name})
