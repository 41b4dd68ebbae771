"""Asks peers of which some answer, each by an address of its own, and writes whom it asked and who answered."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

V4, V6, UDP, TCP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM, socket.SOCK_STREAM
MPTCP = 262  # IPPROTO_MPTCP, which socket.py names from 3.10 on, but not on every system
SECONDS = 20

answered: list[tuple[str, str, int]] = []
unanswered: list[tuple[str, str, int]] = []


def server(protocol: int = 0) -> socket.socket:
    """A TCP server at all addresses of the loopback network."""
    made = socket.socket(V4, TCP, protocol)
    made.bind(("0.0.0.0", 0))
    made.listen()
    return made


def udp(address: str, family: int = V4) -> socket.socket:
    """A server at a port that it names, who answers when it is told to."""
    with socket.socket(family, UDP) as probe:
        probe.bind((address, 0))
        free = port(probe)
    made = socket.socket(family, UDP)
    made.bind((address, free))
    made.settimeout(SECONDS)
    return made


def port(of: socket.socket) -> int:
    number: int = of.getsockname()[1]
    return number


def closed(kind: int) -> int:
    """A port where nobody is."""
    with socket.socket(V4, kind) as gone:
        gone.bind(("127.0.0.1", 0))
        return port(gone)


def asking(address: tuple[str, int]) -> socket.socket:
    """A connection that is being made."""
    made = socket.socket(V4, TCP)
    made.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        made.connect(address)
    return made


def wait(writable: socket.socket) -> bool:
    """Whether it is connected within the time."""
    return bool(select.select([], [writable], [], SECONDS)[1])


def reply(who: socket.socket, asker: socket.socket) -> None:
    """Take a datagram, answer it, and see that the answer arrives."""
    _, whom = who.recvfrom(10)
    who.sendto(b"y", whom)
    asker.settimeout(SECONDS)
    asker.recv(10)


def connections() -> Iterator[socket.socket]:
    """Blocking or not, refused or in vain, and an answer that comes late."""
    listening = server()
    number = port(listening)
    yield socket.create_connection(("127.0.1.1", number))
    answered.append(("tcp", "127.0.1.1", number))
    mapped = socket.socket(V6, TCP)
    mapped.connect(("::ffff:127.0.1.2", number))
    answered.append(("tcp", "127.0.1.2", number))
    yield mapped
    refusing = closed(TCP)
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.1.3", refusing))
    unanswered.append(("tcp", "127.0.1.3", refusing))
    # Where the queue is full, no SYN is answered (listen(2)).
    full = socket.socket(V4, TCP)
    full.bind(("0.0.0.0", 0))
    full.listen(0)
    number = port(full)
    first = asking(("127.0.1.4", number))
    assert wait(first)
    answered.append(("tcp", "127.0.1.4", number))
    late = asking(("127.0.1.5", number))
    assert not select.select([], [late], [], 0)[1]
    full.accept()
    assert wait(late), "it is asked again after a second"
    answered.append(("tcp", "127.0.1.5", number))
    yield asking(("127.0.1.6", number))
    unanswered.append(("tcp", "127.0.1.6", number))
    yield from (first, late, full, listening)


def unusual_connections() -> Iterator[socket.socket]:
    """With data in the first packet, and by several ways at once."""
    listening = server()
    number = port(listening)
    for last, address in enumerate((number, closed(TCP)), start=1):
        found = (answered, unanswered)[last - 1]
        quick = socket.socket(V4, TCP)
        with contextlib.suppress(ConnectionRefusedError):
            quick.sendto(b"x", socket.MSG_FASTOPEN, (f"127.0.2.{last}", address))
        found.append(("tcp", f"127.0.2.{last}", address))
        deferred = socket.socket(V4, TCP)
        deferred.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT: tcp(7), Linux 4.11
        with contextlib.suppress(ConnectionRefusedError):
            deferred.connect((f"127.0.2.{last + 2}", address))
            deferred.send(b"x")
        found.append(("tcp", f"127.0.2.{last + 2}", address))
        yield from (quick, deferred)
    yield listening
    with contextlib.suppress(OSError):  # a kernel without it
        listening = server(MPTCP)
        several = socket.socket(V4, TCP, MPTCP)
        several.connect(("127.0.2.5", port(listening)))
        answered.append(("tcp", "127.0.2.5", port(listening)))
        yield from (listening, several)


def datagrams() -> Iterator[socket.socket]:
    """One socket asks several, and each is answered for by nobody but itself."""
    asker = socket.socket(V4, UDP)
    good, bad = udp("127.0.3.1"), udp("127.0.3.2")
    asker.sendto(b"x", good.getsockname())
    asker.sendto(b"x", bad.getsockname())
    reply(good, asker)
    answered.append(("udp", "127.0.3.1", port(good)))
    unanswered.append(("udp", "127.0.3.2", port(bad)))

    # It is connected to who answers, and sends to another meanwhile.
    meant, other = udp("127.0.3.3"), udp("127.0.3.4")
    connected = socket.socket(V4, UDP)
    connected.connect(meant.getsockname())
    connected.send(b"x")
    connected.sendto(b"x", other.getsockname())
    reply(meant, connected)
    answered.append(("udp", "127.0.3.3", port(meant)))
    unanswered.append(("udp", "127.0.3.4", port(other)))

    # Nobody is there, and the kernel says so (ICMP).
    refusing = closed(UDP)
    refused = socket.socket(V4, UDP)
    refused.connect(("127.0.3.5", refusing))
    with contextlib.suppress(ConnectionRefusedError):
        refused.send(b"x")
        refused.settimeout(SECONDS)
        refused.recv(10)
    unanswered.append(("udp", "127.0.3.5", refusing))

    # Another port than the one that was asked is somebody else.
    asked, instead = udp("127.0.3.6"), udp("127.0.3.6")
    asker.sendto(b"x", asked.getsockname())
    instead.sendto(b"y", ("127.0.0.1", port(asker)))
    asker.recv(10)
    unanswered.append(("udp", "127.0.3.6", port(asked)))
    unanswered.append(("udp", "127.0.0.1", port(asker)))
    yield from (asker, good, bad, meant, other, connected, refused, asked, instead)


def datagrams_of_six() -> Iterator[socket.socket]:
    """IPv6, and IPv4 by a socket of IPv6, connected and not."""
    six = udp("::1", V6)
    asker = socket.socket(V6, UDP)
    asker.sendto(b"x", ("::1", port(six)))
    reply(six, asker)
    answered.append(("udp", "::1", port(six)))
    four = udp("127.0.4.1")
    asker = socket.socket(V6, UDP)
    asker.sendto(b"x", ("::ffff:127.0.4.1", port(four)))
    reply(four, asker)
    answered.append(("udp", "127.0.4.1", port(four)))
    connected, mapped = udp("127.0.4.2"), socket.socket(V6, UDP)
    mapped.connect(("::ffff:127.0.4.2", port(connected)))
    mapped.send(b"x")
    reply(connected, mapped)
    answered.append(("udp", "127.0.4.2", port(connected)))
    yield from (six, asker, four, connected, mapped)


kept = [*connections(), *unusual_connections(), *datagrams(), *datagrams_of_six()]
Path(sys.argv[1]).write_text(json.dumps({"answered": answered, "unanswered": unanswered}))
