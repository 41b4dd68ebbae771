"""What watching costs an upload: processor time for a mebibyte, as a ratio to the same upload alone.

Each round sends every kind of body, over TLS by OpenSSL and in plain, unwatched and recorded in turns; the best round
counts.  The time is the client's and the server's: over loopback either may be the one that sends a packet on.  Needs
root and openssl.
"""

from __future__ import annotations

import ctypes as c
import queue
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from support.tls_containers import certificate

from recorder import kernel, layout

ROUNDS = 6
UPLOADS = 40
SCHEMES = ("https", "http")
KINDS = ("bytes", "form", "picture", "text", "numbers", "objects")
"""Bytes that are no JSON; a form that has them in a file; one long string without and with escapes; lists of numbers; many small objects."""
TAKEN: queue.Queue[int] = queue.Queue()
"""Nanoseconds of the server's for each connection that ended."""
UPLOADER = Path(__file__).with_name("uploader.py")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(Path(name), "h.example"))
        ports = {"https": _sink(context), "http": _sink(None)}
        took: dict[tuple[str, str, bool], list[float]] = {}
        for _ in range(ROUNDS):
            for is_recorded in (False, True):
                with _recording() if is_recorded else nullcontext():
                    for scheme in SCHEMES:
                        for kind in KINDS:
                            found = took.setdefault((scheme, kind, is_recorded), [])
                            found.append(_upload(scheme, ports[scheme], kind))
    for scheme in SCHEMES:
        for kind in KINDS:
            alone, recorded = (min(took[scheme, kind, on]) / 1e3 for on in (False, True))
            print(
                f"{scheme:6} {kind:8} {alone:8.0f} us a MiB alone, {recorded:8.0f} recorded,"
                f" ratio {recorded / alone:6.2f}"
            )


def _upload(scheme: str, port: int, kind: str) -> float:
    """Nanoseconds of both ends, for a mebibyte."""
    command = (sys.executable, str(UPLOADER), scheme, str(port), kind, str(UPLOADS))
    told = subprocess.run(
        ("unshare", "--mount", *command), check=True, capture_output=True, text=True
    )
    spent, sent_bytes = map(int, told.stdout.split())
    return (spent + TAKEN.get()) * (1 << 20) / sent_bytes


@contextmanager
def _recording() -> Iterator[None]:
    """Of every mount namespace but this one, with the libraries that this process has."""
    programs = kernel.load({})
    try:
        own = Path("/proc/self/ns/mnt").stat().st_ino
        programs.teach()
        programs.put("settings", c.c_uint32(0), layout.Config(watch=1, own_inum=own))
        for library in _libraries():
            programs.attach_tls(library)
        yield
    finally:
        programs.close()


def _libraries() -> set[Path]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {Path(line.split()[-1]) for line in lines if "libssl" in line}


def _sink(context: ssl.SSLContext | None) -> int:
    """A port that takes everything."""
    listening = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        while True:
            connection, _ = listening.accept()
            end = context.wrap_socket(connection, server_side=True) if context else connection
            room, before = bytearray(1 << 18), time.thread_time_ns()
            with end:
                while end.recv_into(room):
                    pass
            TAKEN.put(time.thread_time_ns() - before)

    threading.Thread(target=take, daemon=True).start()
    return int(listening.getsockname()[1])
