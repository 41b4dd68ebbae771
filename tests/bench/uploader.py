"""``uploader.py SCHEME PORT KIND TIMES`` sends one body again and again; prints the nanoseconds of its processor time, and the bytes."""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import time
from typing import Any

MEBIBYTE = 1 << 20


def _text(draw: random.Random) -> str:
    words = [f"w{draw.randrange(1 << 20):x}" for _ in range(1 << 12)]
    return "\n".join(" ".join(draw.choices(words, k=12)) for _ in range(1 << 14))[:MEBIBYTE]


def _body(kind: str) -> bytes:
    draw = random.Random(5)  # no secret
    message: dict[str, Any] = {"model": "m", "input": 1}  # JSON
    match kind:
        case "bytes":
            return draw.randbytes(MEBIBYTE)
        case "form":
            field = b'Content-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--b'
            return b"--b\r\n" + field % (b"file", draw.randbytes(MEBIBYTE)) + b"--\r\n"
        case "picture":
            message["messages"] = [{"content": draw.randbytes(MEBIBYTE // 2).hex()}]
        case "text":
            message["messages"] = [{"content": _text(draw)}]
        case "numbers":
            message["rows"] = [[draw.random() for _ in range(100)] for _ in range(500)]
        case _:
            message["items"] = [{"id": place, "tag": "x"} for place in range(40_000)]
    return json.dumps(message).encode()


def main() -> None:
    scheme, port, kind, times = sys.argv[1:]
    body = _body(kind)
    kinds = {"bytes": "application/octet-stream", "form": "multipart/form-data; boundary=b"}
    kind_of_body = kinds.get(kind, "application/json")
    head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {kind_of_body}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode()
    connection = socket.create_connection(("127.0.0.1", int(port)))
    if scheme == "https":
        context = ssl._create_unverified_context()
        connection = context.wrap_socket(connection, server_hostname="h.example")
    before = time.process_time_ns()
    for _ in range(int(times)):
        connection.sendall(request)
        connection.sendall(body)
    print(time.process_time_ns() - before, int(times) * len(body))


main()
