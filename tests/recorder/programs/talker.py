"""Talks to itself in every way, and writes the ports that it used."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path

V4, V6, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM


def tcp(family: int, address: str) -> int:
    server = socket.create_server((address, 0), family=family)

    def take() -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                connection.recv(4096)
                connection.close()

    threading.Thread(target=take, daemon=True).start()
    port: int = server.getsockname()[1]
    return port


def free(family: int, address: str) -> int:
    with socket.socket(family, UDP) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def udp(family: int, address: str) -> int:
    """Bind to a port by its number, send a datagram to it from elsewhere, and take it."""
    port = free(family, address)
    with socket.socket(family, UDP) as server, socket.socket(family, UDP) as client:
        server.bind((address, port))
        client.sendto(b"x", (address, port))
        server.recvfrom(10)
    return port


def answer(question: bytes) -> bytes:
    head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
    return (
        head
        + question[12:]
        + b"\xc0\x0c"
        + struct.pack(">HHIH", 1, 1, 60, 4)
        + bytes([127, 0, 0, 7])
    )


four, six = tcp(V4, "0.0.0.0"), tcp(V6, "::1")
client = socket.create_connection(("127.0.0.1", four))
with contextlib.suppress(ssl.SSLError, OSError):
    ssl._create_unverified_context().wrap_socket(client, server_hostname="greeted.example")
socket.create_connection(("::1", six)).close()
with contextlib.suppress(OSError), socket.socket(V6) as refused:
    refused.connect(("::ffff:127.0.0.1", 9))

udp_four, udp_six = udp(V4, "127.0.0.1"), udp(V6, "::1")
connected, untouched = free(V4, "127.0.0.1"), free(V4, "127.0.0.2")
with socket.socket(V4, UDP) as server, socket.socket(V4, UDP) as sender:
    server.bind(("127.0.0.1", connected))
    sender.connect(("127.0.0.1", connected))
    sender.send(b"x")
    _, (_, ephemeral) = server.recvfrom(10)
    server.sendto(b"y", ("127.0.0.1", ephemeral))
    sender.recvfrom(10)
with socket.socket(V4, UDP) as sender:
    sender.connect(("127.0.0.2", untouched))

# A name server, and who asks it.
question = (
    struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
    + b"\x08answered\x07example\0"
    + struct.pack(">HH", 1, 1)
)
with socket.socket(V4, UDP) as server, socket.socket(V4, UDP) as resolver:
    server.bind(("127.0.0.53", 53))
    resolver.connect(("127.0.0.53", 53))
    resolver.send(question)
    received, asker = server.recvfrom(512)
    server.sendto(answer(received), asker)
    resolver.recv(512)
socket.create_connection(("127.0.0.7", four)).close()

Path(sys.argv[1]).write_text(
    f"{four} {six} {udp_four} {udp_six} {connected} {untouched} {ephemeral}"
)
