"""Syscalls that do the same for a program: a C library or kernel update swaps one for another.

A class is closed under what its members can be used for: no member gives a right
that another member lacks, so none adds to what was seen.  Three rules follow.
Calls that need a privilege, or that change namespaces, mounts, keys or credentials,
are in no class.  A call that does more than its older sibling is in no class with it:
``prlimit64`` also sets limits and reaches other processes, ``sendmsg`` also passes
descriptors, ``socketcall`` and ``ipc`` are whole families in one.  ``clone`` stands for
making children: that it can also make namespaces is a matter of its arguments, which no
table of names can tell apart, and it is no equivalent of ``unshare``.

Sources: the manual pages of section 2 named beside each class (man-pages 6.9, 2024),
syscalls(2) for the twins with 64-bit offsets and 32-bit ids, and time64 twins from
Linux commit 48166e6ea47d (5.1, 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from policyc.catalog.syscalls import names

_FAMILIES = """
open: open openat openat2 creat                                     # open(2), openat2(2)
child: clone clone3 fork vfork                                      # clone(2), fork(2)
stat: stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx  # stat(2), statx(2)
statfs: statfs statfs64 fstatfs fstatfs64                           # statfs(2)
access: access faccessat faccessat2                                 # access(2)
poll: poll ppoll ppoll_time64                                       # poll(2)
select: select _newselect pselect6 pselect6_time64                  # select(2)
epoll_create: epoll_create epoll_create1                            # epoll_create(2)
epoll_wait: epoll_wait epoll_pwait epoll_pwait2                     # epoll_wait(2)
dup: dup dup2 dup3                                                  # dup(2)
pipe: pipe pipe2                                                    # pipe(2)
accept: accept accept4                                              # accept(2)
send: send sendto                                                   # send(2)
sendmsg: sendmsg sendmmsg                                           # send(2), sendmmsg(2)
recv: recv recvfrom                                                 # recv(2)
recvmsg: recvmsg recvmmsg recvmmsg_time64                           # recv(2), recvmmsg(2)
eventfd: eventfd eventfd2                                           # eventfd(2)
signalfd: signalfd signalfd4                                        # signalfd(2)
inotify_init: inotify_init inotify_init1                            # inotify_init(2)
mkdir: mkdir mkdirat                                                # mkdir(2)
unlink: unlink unlinkat rmdir                                       # unlink(2): AT_REMOVEDIR is rmdir(2)
rename: rename renameat renameat2                                   # rename(2)
link: link linkat                                                   # link(2)
symlink: symlink symlinkat                                          # symlink(2)
readlink: readlink readlinkat                                       # readlink(2)
chmod: chmod fchmodat fchmodat2                                     # chmod(2)
chown: chown chown32 lchown lchown32 fchownat                       # chown(2)
fchown: fchown fchown32                                             # chown(2)
utime: utime utimes futimesat utimensat utimensat_time64            # utime(2), utimensat(2)
getdents: getdents getdents64                                       # getdents(2)
read: read readv                                                    # readv(2)
write: write writev                                                 # readv(2)
preadv: preadv preadv2                                              # readv(2)
pwritev: pwritev pwritev2                                           # readv(2)
lseek: lseek _llseek                                                # lseek(2), _llseek(2)
mmap: mmap mmap2                                                    # mmap2(2)
fcntl: fcntl fcntl64                                                # fcntl(2)
sendfile: sendfile sendfile64                                       # sendfile(2)
truncate: truncate truncate64                                       # truncate(2)
ftruncate: ftruncate ftruncate64                                    # truncate(2)
fadvise: fadvise64 fadvise64_64 arm_fadvise64_64                    # posix_fadvise(2)
sync_file_range: sync_file_range sync_file_range2 arm_sync_file_range  # sync_file_range(2)
futex: futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue  # futex(2)
exit: exit exit_group                                               # _exit(2)
wait: wait4 waitid waitpid                                          # wait(2), wait4(2)
getrlimit: getrlimit ugetrlimit                                     # getrlimit(2)
getuid: getuid getuid32                                             # getuid(2)
geteuid: geteuid geteuid32                                          # getuid(2)
getgid: getgid getgid32                                             # getgid(2)
getegid: getegid getegid32                                          # getgid(2)
getresuid: getresuid getresuid32                                    # getresuid(2)
getresgid: getresgid getresgid32                                    # getresuid(2)
getgroups: getgroups getgroups32                                    # getgroups(2)
sigaction: sigaction rt_sigaction                                   # sigaction(2)
sigprocmask: sigprocmask rt_sigprocmask                             # sigprocmask(2)
sigpending: sigpending rt_sigpending                                # sigpending(2)
sigsuspend: sigsuspend rt_sigsuspend                                # sigsuspend(2)
sigreturn: sigreturn rt_sigreturn                                   # sigreturn(2)
sigtimedwait: rt_sigtimedwait rt_sigtimedwait_time64                # sigwaitinfo(2)
clock_gettime: clock_gettime clock_gettime64 gettimeofday time      # clock_getres(2), gettimeofday(2)
clock_getres: clock_getres clock_getres_time64                      # clock_getres(2)
sleep: nanosleep clock_nanosleep clock_nanosleep_time64             # nanosleep(2), clock_nanosleep(2)
timer_gettime: timer_gettime timer_gettime64                        # timer_settime(2)
timer_settime: timer_settime timer_settime64                        # timer_settime(2)
timerfd_gettime: timerfd_gettime timerfd_gettime64                  # timerfd_create(2)
timerfd_settime: timerfd_settime timerfd_settime64                  # timerfd_create(2)
mq_send: mq_timedsend mq_timedsend_time64                           # mq_send(3)
mq_receive: mq_timedreceive mq_timedreceive_time64                  # mq_receive(3)
semop: semop semtimedop semtimedop_time64                           # semop(2)
io_pgetevents: io_pgetevents io_pgetevents_time64                   # io_getevents(2)
sched_rr_get_interval: sched_rr_get_interval sched_rr_get_interval_time64  # sched_rr_get_interval(2)
"""


def _read() -> dict[str, frozenset[str]]:
    rows = [line.split("#")[0].split(":") for line in _FAMILIES.strip().splitlines()]
    return {label.strip(): frozenset(members.split()) for label, members in rows}


CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(_read())
"""Class -> members over all architectures; no call is in two classes."""

_LABELS: Mapping[str, str] = {name: label for label, members in CLASSES.items() for name in members}


@cache
def class_of(name: str, architecture: str) -> tuple[str, frozenset[str]]:
    """The class of a syscall and its members on that architecture; a call in no class is alone.

    KeyError when the architecture is none of ours.
    """
    label = _LABELS.get(name, name)
    return label, CLASSES.get(label, frozenset({name})) & names(architecture)
