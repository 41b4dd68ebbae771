"""Requests with a flaw or two, as HTTP servers read them: a call that one of them sees is seen, or counted as lost."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httptools
import pytest
from support.recorder import Spec, losses, record

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).parent / "programs/pieces.py"
SEED = 3
CONVERSATIONS = 400
LINES = (b"PUT / HTTP/1.1", b"GET / HTTP/1.1", b"QUERY / HTTP/1.1", b"POST / HTTP/1.0", b"POST /",
         b"POST\t /  HTTP/1.2 ", b"POST\x0b/{a} HTTP/1.1", b"\r\nPOST / HTTP/1.1")  # fmt: skip
FLAWS = (b"Content-Length : %d", b" Content-Length: %d", b"Content-Length: +%d", b"Content-Length: 0%d",
         b"Content-Length: \t%d\t", b"Content-Length: %d_0", b"X: y\rContent-Length: %d", b"{: %d",
         b"X:\n Content-Length: %d", b"no value %d", b": %d", b"Content-Length\0: %d", b"GET /%d HTTP/1.1",
         b"Transfer-Encoding:Chunked\r\nX: %d", b"Transfer-Encoding: identity\r\nX: %d",
         b"Transfer-Encoding\t: chunked\r\nX: %d", b"Transfer-Encoding: x, chunked\r\nX: %d")  # fmt: skip
SIZES = (*[b"%x"] * 20, b"%X", b"0%x", b"%x;a", b"%x ", b" %x", b"+%x", b"0x%x", b'%x;a="\n"')


def _name(body: bytes) -> set[str]:
    """The tool that a body calls, when it calls any."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return {json.loads(body)["params"]["name"]}
    return set()


class _Llhttp:
    """The parser of Node and of uvicorn."""

    def __init__(self, text: bytes) -> None:
        self.body, self.names = b"", set[str]()
        with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
            httptools.HttpRequestParser(self).feed_data(text)

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.names |= _name(self.body)


class _Python(BaseHTTPRequestHandler):
    """The server of Python, which leaves bodies to those who answer: to most methods without a look at them."""

    protocol_version = "HTTP/1.1"

    def __init__(self, text: bytes) -> None:
        self.rfile, self.wfile, self.names = io.BytesIO(text), io.BytesIO(), set[str]()
        self.client_address, self.close_connection = ("", 0), True
        with contextlib.suppress(ValueError):
            self.handle()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.names |= _name(body)
        self.do_GET()

    def _chunks(self) -> Sequence[bytes]:
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return parts

    def log_message(self, *_: object) -> None:
        pass


def _request(draw: random.Random, name: str, depth: int = 0) -> bytes:
    """One that calls the tool, or has another request for its body."""

    def end() -> bytes:
        return draw.choice((*[b"\r\n"] * 150, b"\n", b"\r"))

    body = b'{"method": "tools/call", "params": {"name": "%s"}}' % name.encode()
    if depth < 2 and draw.random() < 0.5:
        body = draw.choice((b"", b"x\r\n", b"0\r\n\r\n")) + _request(draw, f"{name}.", depth + 1)
    headers, size = [b"Host: here"], len(body)
    if draw.random() < 0.4:
        headers.append(b"Content-Length: %d" % size)
    if draw.random() < 0.4:
        headers.append(b"Transfer-Encoding: chunked")
        cut = draw.randrange(size)
        parts = [part for part in (body[:cut], body[cut:]) if part]
        sent = (draw.choice(SIZES) % len(part) + end() + part + end() for part in parts)
        body = b"".join(sent) + b"0" + end() + draw.choice((b"", b"Content-Length: 9\r\n")) + end()
    if draw.random() < 0.3:
        headers.append(draw.choice(FLAWS) % (size + draw.choice((0, 0, 1, -1))))
    draw.shuffle(headers)
    line = draw.choice((*[b"POST / HTTP/1.1"] * 20, *LINES))
    return b"".join(header + end() for header in (line, *headers)) + end() + body


def _recorded(folder: Path, said: Sequence[bytes]) -> Spec:
    folder.mkdir()
    (folder / "pieces").write_text(json.dumps([[text.decode("latin-1")] for text in said]))
    return record(folder / "out", sys.executable, str(PROGRAM), "plain", str(folder / "pieces"))


def test_no_server_sees_what_the_profile_is_silent_about(tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    said = [_request(draw, f"a{n}") + _request(draw, f"b{n}") for n in range(CONVERSATIONS)]
    seen = {text: _Llhttp(text).names | _Python(text).names for text in said}
    calls = [text for text, names in seen.items() if names]
    found = {item["tool"] for item in _recorded(tmp_path / "all", calls)["tools"]}
    assert len(found) > len(calls) > CONVERSATIONS // 4
    missing = [text for text in calls if seen[text] - found]
    assert missing
    # Each of these says so by itself.
    assert losses(_recorded(tmp_path / "missing", missing))["tools"] >= len(missing)
