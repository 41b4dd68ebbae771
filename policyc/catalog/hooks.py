"""Where a recorder hangs in the kernel, and which domains of a profile it sees there.

Tracepoints by their names in tracefs events/ (kernel 6.12), cgroup programs by their attach
types (bpf(2), BPF_CGROUP_*), uprobes by their functions (OpenSSL 3), written as libbpf's section
names; only the last part counts.
"""

from __future__ import annotations

from collections.abc import Iterable

_MESSAGES = frozenset({"tools", "models"})

HOOK_DOMAINS: dict[str, frozenset[str]] = {
    "sys_enter": frozenset({"syscalls", "files"}),
    "sys_enter_openat": frozenset({"files"}),
    "sys_enter_openat2": frozenset({"files"}),
    "sys_enter_open": frozenset({"files"}),
    "sys_enter_creat": frozenset({"files"}),
    "sched_process_exec": frozenset({"executables"}),
    "sched_process_fork": frozenset({"executables"}),
    "inet_sock_set_state": frozenset({"egress", "ingress"}),
    "connect4": frozenset({"egress"}),
    "connect6": frozenset({"egress"}),
    "sendmsg4": frozenset({"egress"}),
    "sendmsg6": frozenset({"egress"}),
    "recvmsg4": frozenset({"ingress"}),
    "recvmsg6": frozenset({"ingress"}),
    "bind4": frozenset({"ingress"}),
    "bind6": frozenset({"ingress"}),
    "cap_capable": frozenset({"capabilities"}),
    # Refused calls, open files, accepted connections, and what comes over standard input.
    "sys_exit": frozenset({"syscalls", "files", "ingress"}) | _MESSAGES,
    "signal_generate": frozenset({"syscalls"}),
    "io_uring_submit_req": frozenset({"files"}),
    "io_uring_complete": frozenset({"files"}),
    "sched_process_exit": frozenset(),
    # cgroup_skb programs: packets out have TLS greetings and plain HTTP, packets in DNS answers
    # and the clients of UDP servers.
    "egress": frozenset({"egress"}) | _MESSAGES,
    "ingress": frozenset({"egress", "ingress"}),
    # Uprobes on OpenSSL.
    "SSL_write": _MESSAGES,
    "SSL_write_ex": _MESSAGES,
    "SSL_write_ex2": _MESSAGES,
    "SSL_ctrl": _MESSAGES,
    "SSL_do_handshake": _MESSAGES,
    "SSL_set_connect_state": _MESSAGES,
    "SSL_free": _MESSAGES,
    "BIO_f_ssl": _MESSAGES,
    "SSL_sendfile": _MESSAGES,
    "SSL_read": _MESSAGES,
    "SSL_read_ex": _MESSAGES,
}
"""Last part of a hook's name -> the domains that it shows."""


def domains_of(hook: str) -> frozenset[str] | None:
    """The domains that a hook shows; None when it is not known, so that it might be any."""
    return HOOK_DOMAINS.get(hook.rpartition("/")[2])


def blind_domain(words: str, domains: Iterable[str]) -> str | None:
    """The domain that a recorder's words about what it could not see begin with.

    ``domains`` are all that there are; None when the words might be about any.
    """
    name = words.partition(":")[0].strip()
    return name if name in domains else None
