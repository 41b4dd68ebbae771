"""Gives an address of its own the name of a host that it may reach, in every way that a program has.

``pretender.py WAY NAME ADDRESS PORT``: connects to the address, where it serves itself, and greets it by the name.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading

V4, V6, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM
FREEBIND_4, FREEBIND_6 = (
    (socket.IPPROTO_IP, 15),
    (socket.IPPROTO_IPV6, 78),
)  # linux/in.h, linux/in6.h
way, name, address, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
LABELS = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
QUESTION = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + LABELS + struct.pack(">HH", 1, 1)
RECORD = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
ANSWER = QUESTION[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + QUESTION[12:] + RECORD


def ask_own(server: str) -> None:
    """A name server of one's own."""
    with socket.socket(V4, UDP) as answers, socket.socket(V4, UDP) as asks:
        answers.bind((server, 53))
        asks.connect((server, 53))
        asks.send(QUESTION)
        _, asker = answers.recvfrom(512)
        answers.sendto(ANSWER, asker)
        assert asks.recv(512) == ANSWER


def feign(server: str, family: int, option: tuple[int, int], loopback: str) -> None:
    """The name server that is believed is asked, and the answer comes from who took its address."""
    with socket.socket(family, UDP) as answers, socket.socket(family, UDP) as asks:
        asks.bind(("", 0))
        with contextlib.suppress(OSError):  # no way there; it was asked all the same
            asks.sendto(QUESTION, (server, 53))
        answers.setsockopt(*option, 1)
        answers.bind((server, 53))
        with contextlib.suppress(OSError):
            answers.sendto(ANSWER, (loopback, asks.getsockname()[1]))
            asks.settimeout(60)
            assert asks.recv(512) == ANSWER


def call_nobody() -> None:
    """A tool call between two ends of TLS in one's own memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("AECDH:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.set_ciphers("AECDH:@SECLEVEL=0")
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    client = context.wrap_bio(back, there, server_hostname=name)
    server = other.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    body = b'{"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "feigned"}}'
    client.write(b"POST / HTTP/1.1\r\n\r\n" + body)


with socket.create_server((address, port)) as serving:
    match way:
        case "a believed name server":
            ask_own("127.0.0.53")
        case "an own name server":
            ask_own("198.51.100.53")
        case "an own name server on loopback":
            ask_own("127.0.0.9")
        case "an address that it took":
            feign("192.0.2.53", V4, FREEBIND_4, "127.0.0.1")
        case "an IPv6 address that it took":
            feign("2001:db8::53", V6, FREEBIND_6, "::1")
    call_nobody()

    def take() -> None:
        with serving.accept()[0] as taken:
            taken.recv(4096)

    threading.Thread(target=take).start()
    client = socket.create_connection((address, port))
    with client, contextlib.suppress(ssl.SSLError, OSError):
        ssl._create_unverified_context().wrap_socket(client, server_hostname=name)
