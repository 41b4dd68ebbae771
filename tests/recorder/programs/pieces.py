"""Says what it is given, byte by byte as it is: each conversation on a connection of its own, each piece in a write.

The file is JSON: a list of conversations, of which each is a list of pieces, in Latin-1.  The way is ``tls``, ``plain``,
or ``fast``: the first piece with the first packet (RFC 7413), which the other end does not take.  The next piece is written when the other end has all of those before it.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

NO_COOKIE = 34  # TCP_FASTOPEN_NO_COOKIE of include/uapi/linux/tcp.h
way, file, *certificate = sys.argv[1:]
taken = threading.Semaphore(0)
server = socket.create_server(("127.0.0.1", 0))
theirs: ssl.SSLContext | None = None
if way == "tls":
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate)


def secured(end: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    if context is None:
        return end
    if context is theirs:
        return context.wrap_socket(end, server_side=True)
    return context.wrap_socket(end, server_hostname="models.example")


def opened(pieces: list[bytes]) -> socket.socket:
    """A connection, and the pieces that go with its first packet taken out."""
    if way != "fast":
        return socket.create_connection(server.getsockname())
    made = socket.socket()
    made.setsockopt(socket.IPPROTO_TCP, NO_COOKIE, 1)
    first = pieces.pop(0)
    assert made.sendto(first, socket.MSG_FASTOPEN, server.getsockname()) == len(first)
    for _ in first:
        taken.acquire()
    return made


def take() -> None:
    while True:
        end, _ = server.accept()
        with secured(end, theirs) as connection:
            while data := connection.recv(1 << 16):
                for _ in data:
                    taken.release()


threading.Thread(target=take, daemon=True).start()
for conversation in json.loads(Path(file).read_bytes()):
    pieces = [piece.encode("latin-1") for piece in conversation]
    end = opened(pieces)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with secured(end, ssl._create_unverified_context() if theirs else None) as connection:
        for piece in pieces:
            connection.sendall(piece)
            for _ in piece:
                taken.acquire()
os._exit(0)  # The thread would end by what a container may lack, libgcc_s.
