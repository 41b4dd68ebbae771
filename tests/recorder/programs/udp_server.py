"""A UDP server that takes datagrams without their senders' addresses, and one that sends to a visitor's other port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def udp(address: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def free(address: str) -> int:
    with udp(address) as probe:
        port: int = probe.getsockname()[1]
        return port


taken, answered, other = (free("127.0.0.3") for _ in "123")
with udp("127.0.0.3", taken) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.sendto(b"x", ("127.0.0.3", taken))
    os.read(server.fileno(), 10)
with udp("127.0.0.3", answered) as server, udp("127.0.0.4") as client:
    client.sendto(b"x", ("127.0.0.3", answered))
    _, visitor = server.recvfrom(10)
    server.sendto(b"y", visitor)
    server.sendto(b"z", (visitor[0], other))
Path(sys.argv[1]).write_text(f"{taken} {answered} {other} {visitor[1]}")
