"""What a program says in HTTP/1, byte by byte, and what a profile holds of it."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.recorder import Spec, record
from support.tls_containers import certificate

PROGRAM = Path(__file__).parents[1] / "recorder/programs/pieces.py"
POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def recorded(folder: Path, way: str, conversations: Sequence[Sequence[bytes]]) -> Spec:
    """What a profile says of who says this, in one of the ways of the program."""
    folder.mkdir(exist_ok=True)
    file = folder / "pieces"
    file.write_text(json.dumps([[p.decode("latin-1") for p in said] for said in conversations]))
    more = (str(certificate(folder, "models.example")),) if way == "tls" else ()
    return record(folder / "out", sys.executable, str(PROGRAM), way, str(file), *more)


def tools_of(spec: Spec) -> set[str]:
    return {item["tool"] for item in spec["tools"]}


def models_of(spec: Spec) -> set[str]:
    return {item["model"] for item in spec["models"]}


def blind_of(spec: Spec) -> set[str]:
    """What a profile says that it did not see."""
    return {spot for run in spec["runs"] for spot in run["blind"]}


def call(tool: str) -> bytes:
    """The body of a request that calls a tool."""
    return b'{"method": "tools/call", "params": {"name": "%s"}}' % tool.encode()


def chunk(data: bytes, more: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), more, data)


def chunked(*data: bytes) -> bytes:
    """A request with a body of these chunks."""
    return CHUNKED + b"".join(map(chunk, data)) + b"0\r\n\r\n"


def plain(body: bytes, head: bytes = POST) -> bytes:
    """A request with a body of a length that it tells."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def cut(text: bytes, draw: random.Random, most: int) -> Iterator[bytes]:
    """The text in pieces of so many bytes at most."""
    place = 0
    while place < len(text):
        end = place + draw.randint(1, most)
        yield text[place:end]
        place = end
