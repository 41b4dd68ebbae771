"""Messages of name servers (RFC 1035, 4.1)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

A, AAAA = 1, 28


def answer(name: str, addresses: Sequence[str]) -> bytes:
    """The answer that gives a name these addresses."""
    head = struct.pack(">HHHHHH", 7, 0x8180, 1, len(addresses), 0, 0)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    records = b""
    for address in addresses:
        packed = ipaddress.ip_address(address).packed
        kind = A if len(packed) == 4 else AAAA
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(packed)) + packed
    return head + labels + b"\0" + struct.pack(">HH", A, 1) + records


@contextmanager
def name_server(own: str, address: str) -> Iterator[None]:
    """At an address of this machine, for as long as the block lasts: whatever is asked for has one address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((own, 53))
        thread = threading.Thread(target=_serve, args=(server, address))
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (own, 53))
            thread.join()


def _serve(server: socket.socket, address: str) -> None:
    """Until an empty datagram comes."""
    while True:
        question, asker = server.recvfrom(512)
        if not question:
            return
        server.sendto(question[:2] + answer(_name(question), [address])[2:], asker)


def _name(question: bytes) -> str:
    parts, place = [], 12
    while size := question[place]:
        parts.append(question[place + 1 : place + 1 + size].decode())
        place += 1 + size
    return ".".join(parts)
