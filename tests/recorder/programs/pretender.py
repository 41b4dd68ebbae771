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


def feign_taken(server: str) -> None:
    """The name server that is believed is asked, and the answer comes from who took its address."""
    with socket.socket(V6, UDP) as answers, socket.socket(V6, UDP) as asks:
        _ask(asks, server)
        answers.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND (linux/in6.h)
        answers.bind((server, 53))
        answers.sendto(ANSWER, ("::1", asks.getsockname()[1]))
        assert asks.recv(512) == ANSWER


def feign_raw(server: str) -> None:
    """The same, with a packet that was made by hand (RFC 791, RFC 768)."""
    with (
        socket.socket(V4, socket.SOCK_RAW, socket.IPPROTO_RAW) as answers,
        socket.socket(V4, UDP) as asks,
    ):
        _ask(asks, server)
        ends = socket.inet_aton(server) + socket.inet_aton(address)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + ends
        udp = struct.pack(">HHHH", 53, asks.getsockname()[1], 8 + len(ANSWER), 0)
        answers.sendto(ip + udp + ANSWER, (address, 0))
        assert asks.recv(512) == ANSWER


def _ask(asks: socket.socket, server: str) -> None:
    asks.bind(("", 0))
    asks.settimeout(60)
    with contextlib.suppress(OSError):  # no way there; it was asked all the same
        asks.sendto(QUESTION, (server, 53))


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
            feign_taken("2001:db8::53")
        case "a packet of its own":
            feign_raw("192.0.2.53")
    call_nobody()

    def take() -> None:
        with serving.accept()[0] as taken:
            taken.recv(4096)

    threading.Thread(target=take).start()
    client = socket.create_connection((address, port))
    with client, contextlib.suppress(ssl.SSLError, OSError):
        ssl._create_unverified_context().wrap_socket(client, server_hostname=name)
