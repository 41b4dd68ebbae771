"""Says what it is given, byte by byte as it is: each conversation on a connection of its own, each piece in a write.

The file is JSON: a list of conversations, of which each is a list of pieces, in Latin-1.  With a certificate over TLS,
else in plain.  The next piece is written when the other end has all of those before it.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from pathlib import Path

file, *certificate = sys.argv[1:]
taken = threading.Semaphore(0)
server = socket.create_server(("127.0.0.1", 0))
theirs: ssl.SSLContext | None = None
if certificate:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate)


def secured(end: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    if context is None:
        return end
    if context is theirs:
        return context.wrap_socket(end, server_side=True)
    return context.wrap_socket(end, server_hostname="models.example")


def take() -> None:
    while True:
        end, _ = server.accept()
        with secured(end, theirs) as connection:
            while data := connection.recv(1 << 16):
                for _ in data:
                    taken.release()


threading.Thread(target=take, daemon=True).start()
for conversation in json.loads(Path(file).read_bytes()):
    opened = socket.create_connection(server.getsockname())
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with secured(opened, ssl._create_unverified_context() if certificate else None) as connection:
        for piece in conversation:
            connection.sendall(piece.encode("latin-1"))
            for _ in piece:
                taken.acquire()
