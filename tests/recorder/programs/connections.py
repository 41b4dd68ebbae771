"""Calls a tool over each of many TLS connections to itself: ``kept`` until the end, ``closed`` one after the other, or
``left`` by processes that end without a word to OpenSSL."""

from __future__ import annotations

import json
import os
import ssl
import sys

certificate, number, way = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)


def call(number: int) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """One process is both ends, so that none waits for the other."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = ssl._create_unverified_context().wrap_bio(
        to_client, to_server, server_hostname="here.example"
    )
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    message = {"method": "tools/call", "params": {"name": f"tool{number}"}}
    client.write(f"POST / HTTP/1.1\r\n\r\n{json.dumps(message)}".encode())
    server.read(1 << 14)
    return client, server


kept = []
for place in range(int(number)):
    if way != "left":
        ends = call(place)
        kept += [ends] if way == "kept" else []
        del ends
    elif not (child := os.fork()):
        ends = call(place)
        os._exit(0)
    else:
        os.waitpid(child, 0)
