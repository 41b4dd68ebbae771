"""Calls a tool in plain HTTP over MPTCP (RFC 8684): by ``connect``, or with the first packet (``fast``)."""

from __future__ import annotations

import os
import socket
import sys
import threading

IPPROTO_MPTCP = 262
BODY = b'{"method": "tools/call", "params": {"name": "by_mptcp"}}'
REQUEST = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def made() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)


server, client = made(), made()
server.bind(("127.0.0.1", 0))
server.listen()
taken = threading.Event()


def take() -> None:
    end, _ = server.accept()
    received = b""
    while len(received) < len(REQUEST):
        received += end.recv(len(REQUEST))
    taken.set()


threading.Thread(target=take, daemon=True).start()
if sys.argv[1] == "fast":
    client.sendto(REQUEST, socket.MSG_FASTOPEN, server.getsockname())
else:
    client.connect(server.getsockname())
    client.sendall(REQUEST)
taken.wait()
os._exit(0)  # The thread would end by what a container may lack, libgcc_s.
