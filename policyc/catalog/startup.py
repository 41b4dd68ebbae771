"""What a container runtime still does after it has installed the seccomp filter.

A filter is installed before the runtime hands over to the container's program, so
it must admit the runtime's last steps.  They are the runtime's, not the agent's,
and change with its version: so they are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyc.catalog.syscalls import names


@dataclass(frozen=True, slots=True)
class StartUp:
    """The start-up set of one version of a runtime."""

    runtime: str
    version: str
    names: frozenset[str]


_RUNC = """
arch_prctl brk capget capset chdir clone clone3 close close_range dup dup3 epoll_ctl epoll_pwait execve
exit_group faccessat2 fchdir fchown fcntl fstat fstatfs futex getcwd getdents64 getpid getppid gettid getuid
madvise mmap mprotect munmap nanosleep newfstatat openat openat2 prctl read readlinkat recvfrom rseq
rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address setgid
setgroups setuid sigaltstack statx tgkill write
"""

_CRUN = """
access arch_prctl brk capget capset chdir close close_range dup2 execve exit_group fchdir fchown fcntl fstat
fstatfs getcwd getegid geteuid getgid getuid ioctl lseek mmap mprotect munmap nanosleep newfstatat openat
openat2 prctl pselect6 read readlink readlinkat rt_sigaction rt_sigprocmask set_tid_address setgroups
setresgid setresuid setsid statfs statx umask write
"""
# The published base profiles also name what runc and crun do before the filter is
# installed (mount, pivot_root, umount2, unshare, sethostname, setns, mkdirat, mknodat,
# symlinkat, chmod, chown): those are not needed after it and are left out.
#
# Beyond the published profiles:
# - fchown gives a user other than root its standard streams.  runc 1.1.5 and 1.4.2 call
#   it under the filter unless there is no_new_privs, crun 1.8.1 in `exec`; refused, the
#   container starts and its program cannot open /dev/stdout (seen with strace; runc,
#   libcontainer/init_linux.go, fixStdioPermissions).
# - clone3 is how glibc 2.34 and later starts a thread.  It falls back to clone on ENOSYS
#   alone, so with EPERM runc, which is linked to glibc, would end where it wants one more
#   thread of the Go runtime (moby issue 42680; glibc, sysdeps/unix/sysv/linux/clone-internal.c).
# runc 1.4.2 also tries fsopen, fsmount and open_tree in `exec`, for a /proc of its own; refused,
# it takes the container's (seen with strace), so they are left out too.

STARTUP: tuple[StartUp, ...] = (
    # security-profiles-operator, examples/baseprofile-runc.yaml (runc v1.4.2), and runc 1.1's Go runtime.
    StartUp("runc", "1.4.2", frozenset(_RUNC.split())),
    # security-profiles-operator, examples/baseprofile-crun.yaml (crun v1.26).
    StartUp("crun", "1.26", frozenset(_CRUN.split())),
)

RUNTIMES = tuple(sorted({s.runtime for s in STARTUP}))

# The sets were recorded on amd64.  What stands for their calls elsewhere (man 2 syscalls,
# and for Go the files zsyscall_linux_*.go of golang.org/x/sys/unix):
_INSTEAD = {
    "access": "faccessat",
    "dup2": "dup3",
    "newfstatat": "fstatat64",
    "readlink": "readlinkat",
}
# Where a register has 32 bits, wider user ids, file offsets and times have calls of their own.
_OF_32_BITS = frozenset({"386", "arm"})
_WIDER_SUFFIXES = ("32", "64", "_time64")
_WIDER = frozenset({"_llseek", "mmap2", "set_thread_area", "set_tls", "sigreturn"})


def startup(runtime: str, architecture: str) -> StartUp:
    """The newest known set of a runtime, in the calls of the architecture."""
    found = next(s for s in STARTUP if s.runtime == runtime)
    return StartUp(found.runtime, found.version, _on(architecture, found.names))


def _on(architecture: str, amd64: frozenset[str]) -> frozenset[str]:
    known = names(architecture)
    wanted = amd64 | {_INSTEAD[name] for name in _INSTEAD.keys() & amd64 - known}
    if architecture in _OF_32_BITS:
        wanted |= _WIDER | {name + suffix for name in amd64 for suffix in _WIDER_SUFFIXES}
    return wanted & known
