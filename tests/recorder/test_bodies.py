"""Where the bodies of HTTP/1 begin and end: what stands between them hides no message, or the profile says so."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import ssl
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.recorder import Spec, losses, record, watching
from support.tls_containers import certificate, python_container

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SEED = 5
REQUESTS = 60
POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = b"Content-Length: 9999\r\n\r\n"
TRAP = b"POST / HTTP/1.1\r\n" + LENGTH
"""Who takes it for a request passes over the 9,999 bytes behind it."""


def _record(folder: Path, way: str, conversations: Sequence[Sequence[bytes]]) -> Spec:
    """What a profile says of who says this, in one of the ways of the program."""
    file = folder / "pieces"
    file.write_text(json.dumps([[p.decode("latin-1") for p in said] for said in conversations]))
    more = (str(certificate(folder, "models.example")),) if way == "tls" else ()
    program = str(PROGRAMS / "pieces.py")
    return record(folder / "out", sys.executable, program, way, str(file), *more)


def _tools(spec: Spec) -> set[str]:
    return {item["tool"] for item in spec["tools"]}


def _blind(spec: Spec) -> set[str]:
    return {spot for run in spec["runs"] for spot in run["blind"]}


def _call(tool: str) -> bytes:
    return b'{"method": "tools/call", "params": {"name": "%s"}}' % tool.encode()


def _chunk(data: bytes, more: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), more, data)


def _chunked(*data: bytes) -> bytes:
    return CHUNKED + b"".join(map(_chunk, data)) + b"0\r\n\r\n"


def _plain(body: bytes, head: bytes = POST) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _cut(text: bytes, draw: random.Random, most: int) -> Iterator[bytes]:
    place = 0
    while place < len(text):
        end = place + draw.randint(1, most)
        yield text[place:end]
        place = end


def _drawn(tool: str, draw: random.Random) -> bytes:
    """A request that calls a tool, and before it one that only seems to."""
    name = "".join(draw.choice((c, f"\\u{ord(c):04x}")) for c in tool)
    text = draw.choice(('"\\\\', "\\" * 4, "}{", "\r\n\r\n0\r\n\r\n", TRAP.decode(), "5\r\n"))
    params = json.dumps({"a": text, "NAME": {"name": "no"}}).replace("NAME", "arguments")
    body = f'{{"params": {params[:-1]}, "name": "{name}"}}, "method": "tools\\/call"}}'.encode()
    body = draw.choice((b"", b" \r\n", b"\n[", b"\xef\xbb\xbf")) + body
    if draw.random() < 0.3:
        method = draw.choice((b"POST", b"PUT", b"DELETE", b"GET", b"QUERY"))
        return _plain(body, method + b" / HTTP/1.1\r\n")
    extension = draw.choice((b"", b";a=b", b' ;a="9\\"; c"'))
    sent = b"".join(_chunk(part, extension) for part in _cut(body, draw, draw.choice((1, 9, 99))))
    trailer = draw.choice((b"", LENGTH[:-2], b"a: b\r\n c\r\n{\r\n"))
    return CHUNKED + sent + draw.choice((b"0", b"000;a")) + b"\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_every_call_is_read_wherever_its_body_is_cut(way: str, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    tools = [f"tool{place}" for place in range(REQUESTS)]
    text = b"".join(_drawn(tool, draw) for tool in tools)
    spec = _record(tmp_path, way, [list(_cut(text, draw, 400))])
    assert _tools(spec) == set(tools)
    assert {item["count"] for item in spec["tools"]} == {1}
    assert losses(spec) == {}
    assert _blind(spec) == set()


HIDING: dict[str, Sequence[bytes]] = {
    "a request line in a chunk": [_chunked(b"a\r\n" + TRAP)],
    "a length in a chunk": [_chunked(b"\r\n" + LENGTH, b"\r\n" + LENGTH)],
    "a length in a trailer": [CHUNKED + b"0\r\n" + LENGTH],
    "the end of a body in a chunk": [_chunked(b"a\r\n0\r\n\r\n" + TRAP)],
    "a backslash at the end of a chunk": [_chunked(b'{"a": "\\', b'\\", "b": {}}')],
    "an object without an end": [_chunked(b'{"a": "'), _plain(b'{"a": [')],
    "a blank line before all": [b"\r\n"],
    "a request line in the body of another method": [
        _plain(b"", b"HEAD / HTTP/1.1\r\n") + _plain(TRAP, b"QUERY\t/ HTTP/1.0 \r\n")
    ],
    "a request line in a header": [_plain(b"", POST + b"GET: POST / HTTP/1.1\r\n")],
    "a header that goes on in the next line": [POST + b"a: b\r\n " + LENGTH],
    "a header that seems to be an object": [_plain(b"", POST + b"{: a\r\n[: b\r\n")],
    "an answer in a request line": [b"POST /", b"HTTP HTTP/1.1\r\n\r\n"],
    "a request in three pieces": [b"POS", b"T / HTTP/1.1\r", b"\nContent-Length: 0\r\n\r\n"],
    "a chunk in pieces": [
        CHUNKED,
        b"2",
        b"1\r",
        b"\n" + TRAP[:10],
        b" " * 23,
        b"\r",
        b"\n0\r\n\r\n",
    ],
    "many messages in one write": [_plain(b"{}\n" * 5000)],
    "a large chunk of something else": [_chunked(b"\x89PNG" * 99999)],
}


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_nothing_that_is_whole_hides_what_follows(way: str, tmp_path: Path) -> None:
    said = [[*pieces[:-1], pieces[-1] + _plain(_call(what))] for what, pieces in HIDING.items()]
    spec = _record(tmp_path, way, said)
    assert _tools(spec) == set(HIDING)
    served = {item["tool"] for item in spec["tools"] if item.get("served")}
    assert served == (set(HIDING) if way == "tls" else set())
    assert losses(spec) == {}
    assert _blind(spec) == set()


UNCLEAR: dict[str, bytes] = {
    "no size": CHUNKED + b"\r\n",
    "a size that is no number": CHUNKED + b"x\r\n",
    "a size that is too large": CHUNKED + b"fffffffffffffffff\r\n",
    "a size that ends in half a line end": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "an extension with half a line end": CHUNKED + b"1;\ra\r\na\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "a length and chunks": POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "a coding that is not known": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunks that are encoded": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
    "no coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "two numbers": POST + b"Content-Length: 1 2\r\n\r\n",
    "a length that is too large": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length that is less than nothing": POST + b"Content-Length: -5\r\n\r\n",
    "no length": POST + b"Content-Length: \r\n\r\n",
    "a blank behind the name": POST + b"Content-Length : 5\r\n\r\n",
    "a header without a name": POST + b"a" * 99 + b"\r\nContent-Length: 0\r\n\r\n",
    "half a line end": POST + b"a: b\rContent-Length: 5\r\n\r\n",
    "a request that begins in another one": POST,
    # Python's http.server has the body of a GET for the next request.
    "a body that some servers do not take for one": _plain(TRAP, b"GET / HTTP/1.1\r\n"),
}


def test_what_is_unclear_is_lost(tmp_path: Path) -> None:
    said = [[text, _plain(_call(what))] for what, text in UNCLEAR.items()]
    spec = _record(tmp_path, "plain", said)
    # Each time once, and the next request is read again.
    assert losses(spec) == {"models": len(UNCLEAR), "tools": len(UNCLEAR)}
    assert _tools(spec) == set(UNCLEAR)


BEGINNINGS: dict[str, Sequence[bytes]] = {
    "a blank line in pieces": [b"\r", b"\n"],
    "a blank": [b" "],
    "a method that is not known": [b"TRACE / HTTP/1.1\r\n", *[b"a:b\r\n"] * 9, b"\r\n"],
    "a proxy of another protocol": [b"\x05\x01\0", b""],
    "a proxy": [b"CONNECT here:80 HTTP/1.1\r\n\r\n", b""],
}


def test_plain_http_however_it_begins(tmp_path: Path) -> None:
    said = [[*pieces[:-1], pieces[-1] + _plain(_call(what))] for what, pieces in BEGINNINGS.items()]
    spec = _record(tmp_path, "plain", said)
    assert _tools(spec) == set(BEGINNINGS)
    assert losses(spec) == {}


def test_what_comes_with_the_first_packet_is_read_once(tmp_path: Path) -> None:
    """Nobody takes it, so it is sent again: a brace that counted twice would hide the call behind it."""
    pieces = [_plain(b"{" * 9), b"\r\n" + _plain(_call("after"))]
    spec = _record(tmp_path, "fast", [pieces])
    assert _tools(spec) == {"after"}
    assert losses(spec) == {}


def _greeting() -> bytes:
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), outgoing, False, "models.example"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_proxy_may_be_asked_late(tmp_path: Path) -> None:
    """On a connection that had a request in plain HTTP: what is greeted behind it is none of OpenSSL's."""
    asked = b"CONNECT models.example:443 HTTP/1.1\r\n\r\n"
    pieces = [b"GET http://models.example/ HTTP/1.1\r\n\r\n", asked, _greeting()]
    spec = _record(tmp_path, "plain", [pieces])
    words = "messages over TLS of other libraries than OpenSSL"
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    ("way", "place"), [("plain", 0), ("plain", 1), ("plain", 9), ("tls", 2), ("tls", 13)]
)
def test_http2_however_it_begins(way: str, place: int, tmp_path: Path) -> None:
    pieces = [piece for piece in (PREFACE[:place], PREFACE[place:]) if piece]
    spec = _record(tmp_path, way, [[*pieces, _call("unseen")]])
    assert _tools(spec) == set()
    assert _blind(spec) == {"models: messages in HTTP/2", "tools: messages in HTTP/2"}


CALLS = json.dumps([{"method": "tools/call", "params": {"name": "wide"}}])
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_bodies_leave_a_blind_spot(encoding: str, tmp_path: Path) -> None:
    body = CALLS[1:-1] if encoding.endswith("-le") else f" \r\n{CALLS}"
    draw = _plain(body.encode(encoding)) + _plain(_call("after"))
    spec = _record(tmp_path, "plain", [[draw]])
    words = "messages in UTF-16 or UTF-32"
    assert _tools(spec) == {"after"}
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}


def test_what_is_not_wide_leaves_none(tmp_path: Path) -> None:
    """UTF-8 with its mark is read, and other bodies that begin with such bytes are no text."""
    others = (
        b"\xff\xd8\xff\xe0JFIF",
        b"\x00\x00\x00\x20ftyp",
        b"\x00asm",
        b"\xfe\xed\xfa\xce",
        b'{"\x00',
    )
    bodies = [CALLS.encode("utf-8-sig"), *others, _call("after")]
    spec = _record(tmp_path, "plain", [[b"".join(map(_plain, bodies))]])
    assert _tools(spec) == {"wide", "after"}
    assert _blind(spec) == set()


def _preface(folder: Path) -> Path:
    (folder / "pieces").write_text(json.dumps([[PREFACE.decode()]]))
    return folder / "pieces"


def test_what_is_not_read_is_lost_of_tools_and_of_models(tmp_path: Path) -> None:
    """Where the map of items has no room to say that there was something."""
    command = (sys.executable, str(PROGRAMS / "pieces.py"), "plain", str(_preface(tmp_path)))
    spec = record(tmp_path / "out", *command, options=("--map-entries", "items=8"))
    lost = losses(spec)
    assert (lost["models"], lost["tools"]) == (1, 1)


def test_what_is_not_read_is_lost_of_both_where_nobody_takes_it(tmp_path: Path) -> None:
    """From the ring, which the files that Python opens fill before."""
    files = (PROGRAMS / "pieces.py", _preface(tmp_path))
    container = python_container(tmp_path / "bundle", "silent", files, "plain", "pieces")
    with watching(tmp_path / "out", "--map-entries", "events=4096") as recorder:
        recorder.process.send_signal(signal.SIGSTOP)
        ended = container.run()
        assert ended.returncode == 0, ended.stderr
        recorder.process.send_signal(signal.SIGCONT)
        (spec,) = recorder.stop()
    lost = losses(spec)
    assert lost["files"] > 0
    assert lost["models"] == lost["tools"] > 0
