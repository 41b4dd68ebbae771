"""A UDP server that answers its first visitor late, after many visitors of another server, and then asks somebody."""

from __future__ import annotations

import socket
import sys
from pathlib import Path


def udp(address: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def served(address: str) -> socket.socket:
    """On a port that the program chooses, as a server does."""
    with udp(address) as probe:
        port: int = probe.getsockname()[1]
    return udp(address, port)


with served("127.0.0.3") as server, udp("127.0.0.4") as first, served("127.0.0.5") as crowded:
    first.sendto(b"x", server.getsockname())
    _, visitor = server.recvfrom(10)
    for place in range(int(sys.argv[2])):
        with udp(f"127.1.{place >> 8}.{place & 255}") as one:
            one.sendto(b"x", crowded.getsockname())
            crowded.recv(10)
    server.sendto(b"y", visitor)
    server.sendto(b"z", ("127.0.0.6", 4003))
Path(sys.argv[1]).write_text(f"{visitor[1]}")
