"""Where a recorder hangs in the kernel, which domains of a profile it sees there, and what it never sees.

Tracepoints by their names in tracefs events/ (kernel 6.12), cgroup programs by their attach
types (bpf(2), BPF_CGROUP_*), uprobes by their functions (OpenSSL 3), written as libbpf's section
names; only the last part counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HOOK_DOMAINS: dict[str, frozenset[str]] = {
    "sys_enter": frozenset({"syscalls", "files"}),
    "sys_enter_openat": frozenset({"files"}),
    "sys_enter_openat2": frozenset({"files"}),
    "sys_enter_open": frozenset({"files"}),
    "sys_enter_creat": frozenset({"files"}),
    "sys_exit": frozenset({"syscalls", "files", "ingress"}),
    "signal_generate": frozenset({"syscalls"}),
    "io_uring_submit_req": frozenset({"files"}),
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
    "egress": frozenset({"egress", "tools", "models"}),
    "ingress": frozenset({"egress"}),  # names of peers in DNS answers
    "SSL_write": frozenset({"tools", "models"}),
    "SSL_ctrl": frozenset({"tools", "models"}),
    "cap_capable": frozenset({"capabilities"}),
}
"""Last part of a hook's name -> the domains that it shows."""


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """What a recorder says that it cannot see, by domains of a profile.

    ``calls``: it matters only to a run that made one of these system calls.  ``shows_itself``:
    it does not matter to a run in which the domain has items, since the recorder did read what
    the agent writes them with.
    """

    domains: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    shows_itself: bool = False

    def matters(self, calls: frozenset[str], has_items: bool) -> bool:
        """Whether a run with these system calls, with or without items of the domain, may have missed some."""
        return not (self.calls and not self.calls & calls) and not (self.shows_itself and has_items)


def _about(*domains: str) -> BlindSpot:
    return BlindSpot(frozenset(domains))


_RING = frozenset({"io_uring_setup"})
_MESSAGES = frozenset({"tools", "models"})

BLIND_SPOTS: dict[str, BlindSpot] = {
    # Of every run (docs/reference/recorder.md, "What it does not see").
    "links in paths that io_uring opens": BlindSpot(frozenset({"files"}), _RING),
    "TCP clients of servers that accept by io_uring": BlindSpot(frozenset({"ingress"}), _RING),
    # No process asks for them, and no artifact withholds them.
    "files that the kernel itself opens, such as a program's dynamic linker": BlindSpot(),
    # An envelope has no other protocols, so there is nothing to converge.
    "raw sockets and protocols other than TCP, UDP and SCTP": BlindSpot(),
    # The connection is seen, by its address.
    "names in DNS over TCP, TLS or HTTPS": BlindSpot(),
    "tools and models over TLS of other libraries than OpenSSL (Go, rustls, GnuTLS, NSS)": BlindSpot(_MESSAGES, shows_itself=True),
    "tools and models in HTTP/2, in compressed bodies, and in lists of calls": BlindSpot(_MESSAGES, shows_itself=True),
    # Of runs in which a hook could not be attached.
    "files, TCP peers of servers, and syscalls that seccomp refuses": _about("files", "ingress", "syscalls"),
    "syscalls that seccomp kills for": _about("syscalls"),
    "capabilities": _about("capabilities"),
    "files opened by io_uring": BlindSpot(frozenset({"files"}), _RING),
    "IPv4 peers that it connects to": _about("egress"),
    "IPv6 peers that it connects to": _about("egress"),
    "IPv4 peers of datagrams": _about("egress"),
    "IPv6 peers of datagrams": _about("egress"),
    "IPv4 clients of UDP servers": _about("ingress"),
    "IPv6 clients of UDP servers": _about("ingress"),
    "peers of connected datagrams, names of TLS servers, tools and models over plain HTTP": _about("egress", "tools", "models"),
    "names of peers in DNS answers": _about("egress"),
    "tools and models over TLS": _about("tools", "models"),
    "names of the servers of tools and models over TLS": _about("tools", "models"),
}  # fmt: skip
"""What the recorder writes under `blind`, in its words -> what that leaves open.

Words that are not here and do not begin with a domain may concern any.
"""


def domains_of(hook: str) -> frozenset[str] | None:
    """The domains that a hook shows; None when it is not known, so that it might be any."""
    return HOOK_DOMAINS.get(hook.rpartition("/")[2])


def blind_spot(words: str, domains: Iterable[str]) -> BlindSpot | None:
    """What a recorder's words leave open: by the table, or by the domain that they begin with.

    ``domains`` are all that there are; None when the words might be about any.
    """
    name = words.partition(":")[0].strip()
    return BLIND_SPOTS.get(words) or (_about(name) if name in domains else None)
