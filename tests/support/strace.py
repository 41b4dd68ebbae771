"""What `strace -f -yy` says of programs: calls, files, executables and peers (strace 6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from support.containers import require
from support.internet import Peer

TIMEOUT_SECONDS = 120
_CALL = re.compile(r"^(\w+)\(")
_OPENED = re.compile(r"^(?:open|openat|openat2|creat)\(.*= \d+<(/[^<>]*)[<>]")
_EXEC = re.compile(r'^execve\("([^"]+)".* = 0$')
_SENT = re.compile(r"^(?:sendto|sendmsg|sendmmsg|write|writev)\(\d+<UDP(?:v6)?:\[\S+->(\S+)\]>")
_CONNECTED = re.compile(
    r"^connect\(\d+<TCP(?:v6)?:.*?port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )\"([^\"]+)"
)
_ACCEPTED = re.compile(r"^accept4?\(.*= \d+<TCP(?:v6)?:\[(\S+)->(\S+)\]>")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>")


@dataclass(frozen=True, slots=True)
class Seen:
    calls: frozenset[str]
    files: frozenset[str]
    executables: frozenset[str]
    """As they were named, links not followed."""
    egress: frozenset[Peer]
    ingress: frozenset[Peer]
    """With the client's address, and the port of the program's own side."""


def under(log: Path) -> tuple[str, ...]:
    """What a command line begins with, for strace to write all that happens into ``log``."""
    require("strace")
    return ("strace", "-f", "-yy", "-o", str(log))


def read(log: Path) -> Seen:
    """What the child of the program that strace started did from its first exec on, and all descendants."""
    lines = list(_whole(log.read_text(errors="replace").splitlines()))
    execs = (place for place, line in enumerate(lines) if _EXEC.match(line))
    lines = lines[next(execs) :]
    return Seen(
        frozenset(m[1] for line in lines if (m := _CALL.match(line))),
        frozenset(_text(m[1]) for line in lines if (m := _OPENED.match(line))),
        frozenset(_text(m[1]) for line in lines if (m := _EXEC.match(line))),
        frozenset(_egress(lines)),
        frozenset(_ingress(lines)),
    )


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls of all processes but the first, without their numbers; what others interrupted in one piece."""
    begun: dict[str, str] = {}
    first = ""
    for numbered in lines:
        pid, _, line = numbered.partition(" ")
        first, line = first or pid, line.lstrip()
        if pid == first:
            continue
        if line.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix("<unfinished ...>")
        elif resumed := _RESUMED.match(line):
            yield begun.pop(pid, "") + line[resumed.end() :]
        else:
            yield line
    yield from begun.values()


def _text(escaped: str) -> str:
    r"""A path as strace has it, in ASCII: ``\303`` is a byte."""
    return escaped.encode().decode("unicode_escape").encode("latin-1").decode()


def _egress(lines: Iterable[str]) -> Iterator[Peer]:
    for line in lines:
        if found := _CONNECTED.match(line):
            yield "tcp", found[2].removeprefix("::ffff:"), int(found[1])
        elif found := _SENT.match(line):
            yield ("udp", *_end(found[1]))


def _ingress(lines: Iterable[str]) -> Iterator[Peer]:
    for line in lines:
        if found := _ACCEPTED.match(line):
            yield "tcp", _end(found[2])[0], _end(found[1])[1]


def _end(text: str) -> tuple[str, int]:
    """`127.0.0.1:80` or `[::1]:80`."""
    address, _, port = text.rpartition(":")
    return address.strip("[]").removeprefix("::ffff:"), int(port)
