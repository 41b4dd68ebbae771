"""A small internet on loopback: a resolver and two web servers, each of which keeps a log of who came.

Its addresses are of this process alone, so that several test runs do not meet.  A program finds it by
the `resolv.conf` that `INSIDE` puts in place for it, in a mount namespace of its own.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from support.containers import require

_NETWORK = f"127.{os.getpid() >> 8 & 0x7F | 0x80}.{os.getpid() & 0xFF}"
PLAIN, SECURE = "plain.witness.test", "secure.witness.test"
NAMES = {PLAIN: f"{_NETWORK}.80", SECURE: f"{_NETWORK}.43"}
"""Name -> address."""
_A = 1
_ENDS = re.compile(r"^\S+\s+\d+\s+\d+\s+\S+:(\d+)\s+(\S+):(\d+)(?:\s|$)")

Peer: TypeAlias = "tuple[str, str, int]"
"""Protocol, address and port of the server's side."""


@dataclass(slots=True)
class Internet:
    """The servers' ports, and what they saw."""

    resolv_conf: Path
    plain_port: int = 0
    secure_port: int = 0
    visits: set[Peer] = field(default_factory=set)
    """Connections as `ss` shows them while they are open."""
    answered: set[str] = field(default_factory=set)
    """Names of which the resolver gave an address."""
    greeted: set[str] = field(default_factory=set)
    """Names that TLS greetings asked for."""

    @property
    def plain(self) -> str:
        return f"http://{PLAIN}:{self.plain_port}"

    @property
    def secure(self) -> str:
        return f"https://{SECURE}:{self.secure_port}"

    @property
    def believed(self) -> tuple[str, str]:
        """What tells the recorder of this internet's name server."""
        return "--name-server", self.resolv_conf.read_text().split()[1]

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command, where names are resolved by this internet."""
        mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return ("unshare", "--mount", "sh", "-c", mount, str(self.resolv_conf), *command)

    def forget(self) -> None:
        """Begin the logs anew."""
        self.visits.clear()
        self.answered.clear()
        self.greeted.clear()


class _Pages(SimpleHTTPRequestHandler):
    """Serves a folder; each request is one more look at the open connections."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, internet: Internet, directory: str) -> None:
        self._internet = internet
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]  # as the server calls it

    def do_GET(self) -> None:
        self._internet.visits.update(_visits(self.client_address[1]))
        super().do_GET()

    def do_POST(self) -> None:
        self._internet.visits.update(_visits(self.client_address[1]))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _visits(client_port: int) -> Iterator[Peer]:
    """What `ss` says of the connection from that port."""
    shown = subprocess.run(["ss", "-tnH"], check=True, capture_output=True, text=True).stdout
    for line in shown.splitlines():
        found = _ENDS.match(line)
        if found and int(found[1]) == client_port:
            yield "tcp", found[2].strip("[]"), int(found[3])


@contextmanager
def internet(folder: Path, protocols: Sequence[str] = ("http/1.1",)) -> Iterator[Internet]:
    """Serve ``folder`` over HTTP, and over TLS, under the names of ``NAMES``; ALPN offers ``protocols``."""
    require("ss", "openssl", "unshare")
    resolver_address = f"{_NETWORK}.53"
    resolv_conf = folder.with_name("resolv.conf")
    resolv_conf.write_text(f"nameserver {resolver_address}\n")
    made = Internet(resolv_conf)
    pages = partial(_Pages, internet=made, directory=str(folder))
    plain = ThreadingHTTPServer((NAMES[PLAIN], 0), pages)
    secure = ThreadingHTTPServer((NAMES[SECURE], 0), pages)
    secure.socket = _context(folder, made, protocols).wrap_socket(secure.socket, server_side=True)
    made.plain_port, made.secure_port = plain.server_port, secure.server_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver, plain, secure:
        resolver.bind((resolver_address, 53))
        works = (plain.serve_forever, secure.serve_forever, partial(_resolve, resolver, made))
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        yield made
        plain.shutdown()
        secure.shutdown()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", resolver.getsockname())
        for thread in threads:
            thread.join()


def _context(folder: Path, made: Internet, protocols: Sequence[str]) -> ssl.SSLContext:
    key, certificate = folder.with_name("key.pem"), folder.with_name("certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key),
         "-out", str(certificate), "-subj", f"/CN={SECURE}", "-addext", f"subjectAltName=DNS:{SECURE}"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols([*protocols])

    def greet(_: object, name: str | None, __: object) -> None:
        if name:
            made.greeted.add(name)

    context.sni_callback = greet
    return context


def _resolve(resolver: socket.socket, made: Internet) -> None:
    """Answer until an empty datagram comes (RFC 1035, 4.1)."""
    while True:
        question, asker = resolver.recvfrom(512)
        if not question:
            return
        name, kind, end = _question(question)
        address = NAMES.get(name) if kind == _A else None
        status = 0x8180 if name in NAMES else 0x8183  # no error, or no such name
        head = struct.pack(">2sHHHHH", question[:2], status, 1, int(address is not None), 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, _A, 1, 60, 4) + socket.inet_aton(
            address or "0.0.0.0"
        )
        resolver.sendto(head + question[12:end] + (record if address else b""), asker)
        if address:
            made.answered.add(name)


def _question(message: bytes) -> tuple[str, int, int]:
    """The name and the type that are asked for, and where the question ends."""
    labels, place = [], 12
    while size := message[place]:
        labels.append(message[place + 1 : place + 1 + size].decode().lower())
        place += 1 + size
    return ".".join(labels), int.from_bytes(message[place + 1 : place + 3]), place + 5
