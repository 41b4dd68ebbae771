"""Where the bodies of HTTP/1 begin and end: what stands between them hides no message, or the profile says so."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.conversations import (
    CHUNKED,
    POST,
    blind_of,
    call,
    chunk,
    chunked,
    cut,
    plain,
    recorded,
    tools_of,
)
from support.needed import missing
from support.recorder import losses, record, watching
from support.tls_containers import python_container

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SEED = 5
REQUESTS = 60
LENGTH = b"Content-Length: 9999\r\n\r\n"
TRAP = b"POST / HTTP/1.1\r\n" + LENGTH
"""Who takes it for a request passes over the 9,999 bytes behind it."""


def _drawn(tool: str, draw: random.Random) -> bytes:
    """A request that calls a tool, and before it one that only seems to."""
    name = "".join(draw.choice((c, f"\\u{ord(c):04x}")) for c in tool)
    text = draw.choice(('"\\\\', "\\" * 4, "}{", "\r\n\r\n0\r\n\r\n", TRAP.decode(), "5\r\n"))
    params = json.dumps({"a": text, "NAME": {"name": "no"}}).replace("NAME", "arguments")
    body = f'{{"params": {params[:-1]}, "name": "{name}"}}, "method": "tools\\/call"}}'.encode()
    body = draw.choice((b"", b" \r\n", b"\n[", b"\xef\xbb\xbf")) + body
    if draw.random() < 0.3:
        method = draw.choice((b"POST", b"PUT", b"DELETE", b"GET", b"QUERY"))
        return plain(body, method + b" / HTTP/1.1\r\n")
    extension = draw.choice((b"", b";a=b", b' ;a="9\\"; c"'))
    sent = b"".join(chunk(part, extension) for part in cut(body, draw, draw.choice((1, 9, 99))))
    trailer = draw.choice((b"", LENGTH[:-2], b"a: b\r\n c\r\n{\r\n"))
    return CHUNKED + sent + draw.choice((b"0", b"000;a")) + b"\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_every_call_is_read_wherever_its_body_is_cut(way: str, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    tools = [f"tool{place}" for place in range(REQUESTS)]
    text = b"".join(_drawn(tool, draw) for tool in tools)
    spec = recorded(tmp_path, way, [list(cut(text, draw, 400))])
    assert tools_of(spec) == set(tools)
    assert {item["count"] for item in spec["tools"]} == {1}
    assert losses(spec) == {}
    assert blind_of(spec) == set()


HIDING: dict[str, Sequence[bytes]] = {
    "a request line in a chunk": [chunked(b"a\r\n" + TRAP)],
    "a length in a chunk": [chunked(b"\r\n" + LENGTH, b"\r\n" + LENGTH)],
    "a length in a trailer": [CHUNKED + b"0\r\n" + LENGTH],
    "the end of a body in a chunk": [chunked(b"a\r\n0\r\n\r\n" + TRAP)],
    "a backslash at the end of a chunk": [chunked(b'{"a": "\\', b'\\", "b": {}}')],
    "an object without an end": [chunked(b'{"a": "'), plain(b'{"a": [')],
    "a blank line before all": [b"\r\n"],
    "a request line in the body of another method": [
        plain(b"", b"HEAD / HTTP/1.1\r\n") + plain(b"a\n" + TRAP, b"QUERY\x0b/\t HTTP/1.0 \r\n")
    ],
    "a request line in a header": [plain(b"", POST + b"GET: POST / HTTP/1.1\r\n")],
    "a header that goes on in the next line": [POST + b"a: b\r\n " + LENGTH],
    "a header that seems to be an object": [plain(b"", POST + b"{: a\r\n[: b\r\n")],
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
    "many messages in one write": [plain(b"{}\n" * 5000)],
    "a large chunk of something else": [chunked(b"\x89PNG" * 99999)],
}


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_nothing_that_is_whole_hides_what_follows(way: str, tmp_path: Path) -> None:
    said = [[*pieces[:-1], pieces[-1] + plain(call(what))] for what, pieces in HIDING.items()]
    spec = recorded(tmp_path, way, said)
    assert tools_of(spec) == set(HIDING)
    served = {item["tool"] for item in spec["tools"] if item.get("served")}
    assert served == (set(HIDING) if way == "tls" else set())
    assert losses(spec) == {}
    assert blind_of(spec) == set()


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
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    "a request without a version": plain(b"", b"POST /\r\n"),
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
    "a body that some servers do not take for one": plain(b"a\r\n", b"GET / HTTP/1.1\r\n"),
    "a request for a body": plain(b"\r\nPUT\t / HTTP/1.1\r\n\r\n"),
    "a request for the body of a request that has none": plain(
        b"A / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n"
    ),
    "a body that is left out, for it was answered before": POST
    + b"Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n",
    "chunks that are left out": CHUNKED,
}


def test_what_is_unclear_is_lost(tmp_path: Path) -> None:
    said = [[text, plain(call(what))] for what, text in UNCLEAR.items()]
    spec = recorded(tmp_path, "plain", said)
    # Each time once, and the next request is read again.
    assert losses(spec) == {"models": len(UNCLEAR), "tools": len(UNCLEAR)}
    assert tools_of(spec) == set(UNCLEAR)


BEGINNINGS: dict[str, Sequence[bytes]] = {
    "a blank line in pieces": [b"\r", b"\n"],
    "a blank": [b" "],
    "a method that is not known": [b"TRACE / HTTP/1.1\r\n", *[b"a:b\r\n"] * 9, b"\r\n"],
    "a proxy of another protocol": [b"\x05\x01\0", b""],
    "a proxy": [b"CONNECT here:80 HTTP/1.1\r\n\r\n", b""],
}


PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
SIGNED = b"\r\n\r\n\0\r\nQUIT\n"
PROXIES: dict[str, Sequence[bytes]] = {
    "a line of a proxy": [PROXY],
    "a line of a proxy in pieces": [PROXY[:3], PROXY[3:9], PROXY[9:], b""],
    "a proxy that speaks for itself": [b"PROXY UNKNOWN\r\n", b""],
    "bytes of a proxy": [SIGNED + b"\x21\x11\x00\x0c\n{GET \r\n\r\nPO"],
    "bytes of a proxy in pieces": [
        SIGNED[:7],
        SIGNED[7:] + b"\x21",
        b"\x11\x00",
        b"\x03P",
        b"OS",
        b"",
    ],
    "bytes of a proxy that speaks for itself": [SIGNED + b"\x20\x00\x00\x00"],
}


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_what_a_proxy_says_before_hides_nothing(way: str, tmp_path: Path) -> None:
    said = [[*pieces[:-1], pieces[-1] + plain(call(what))] for what, pieces in PROXIES.items()]
    spec = recorded(tmp_path, way, said)
    assert tools_of(spec) == set(PROXIES)
    served = {item["tool"] for item in spec["tools"] if item.get("served")}
    assert served == (set(PROXIES) if way == "tls" else set())
    assert losses(spec) == {}
    assert blind_of(spec) == set()


def test_a_greeting_behind_what_a_proxy_says(tmp_path: Path) -> None:
    spec = recorded(tmp_path / "apart", "plain", [[PROXY, _greeting()]])
    words = "messages over TLS of other libraries than OpenSSL"
    assert blind_of(spec) == {f"models: {words}", f"tools: {words}"}
    together = recorded(tmp_path / "together", "plain", [[PROXY + _greeting()]])
    assert losses(together) == {"models": 1, "tools": 1}


@pytest.mark.parametrize("way", ["connect", "fast"])
def test_several_paths_leave_a_blind_spot(way: str, tmp_path: Path) -> None:
    """The kernel may add connections to that of a program, which belong to nobody."""
    if not Path("/proc/sys/net/mptcp/enabled").is_file():
        missing("the kernel has no MPTCP")
    spec = record(tmp_path, sys.executable, str(PROGRAMS / "several_paths.py"), way)
    assert tools_of(spec) == {"by_mptcp"}
    words = "what MPTCP does beside its first connection"
    assert blind_of(spec) == {f"{domain}: {words}" for domain in ("egress", "models", "tools")}
    assert losses(spec) == {}


def test_plain_http_however_it_begins(tmp_path: Path) -> None:
    said = [[*pieces[:-1], pieces[-1] + plain(call(what))] for what, pieces in BEGINNINGS.items()]
    spec = recorded(tmp_path, "plain", said)
    assert tools_of(spec) == set(BEGINNINGS)
    assert losses(spec) == {}


def test_what_comes_with_the_first_packet_is_read_once(tmp_path: Path) -> None:
    """Nobody takes it, so it is sent again: a brace that counted twice would hide the call behind it."""
    pieces = [plain(b"{" * 9), b"\r\n" + plain(call("after"))]
    spec = recorded(tmp_path, "fast", [pieces])
    assert tools_of(spec) == {"after"}
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
    spec = recorded(tmp_path, "plain", [pieces])
    words = "messages over TLS of other libraries than OpenSSL"
    assert blind_of(spec) == {f"models: {words}", f"tools: {words}"}


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    ("way", "place"), [("plain", 0), ("plain", 1), ("plain", 9), ("tls", 2), ("tls", 13)]
)
def test_http2_however_it_begins(way: str, place: int, tmp_path: Path) -> None:
    pieces = [piece for piece in (PREFACE[:place], PREFACE[place:]) if piece]
    spec = recorded(tmp_path, way, [[*pieces, call("unseen")]])
    assert tools_of(spec) == set()
    assert blind_of(spec) == {"models: messages in HTTP/2", "tools: messages in HTTP/2"}


CALLS = json.dumps([{"method": "tools/call", "params": {"name": "wide"}}])
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_bodies_leave_a_blind_spot(encoding: str, tmp_path: Path) -> None:
    body = CALLS[1:-1] if encoding.endswith("-le") else f" \r\n{CALLS}"
    draw = plain(body.encode(encoding)) + plain(call("after"))
    spec = recorded(tmp_path, "plain", [[draw]])
    words = "messages in UTF-16 or UTF-32"
    assert tools_of(spec) == {"after"}
    assert blind_of(spec) == {f"models: {words}", f"tools: {words}"}


def test_what_is_not_wide_leaves_none(tmp_path: Path) -> None:
    """UTF-8 with its mark is read, and other bodies that begin with such bytes are no text."""
    others = (
        b"\xff\xd8\xff\xe0JFIF",
        b"\x00\x00\x00\x20ftyp",
        b"\x00asm",
        b"\xfe\xed\xfa\xce",
        b'{"\x00',
    )
    bodies = [CALLS.encode("utf-8-sig"), *others, call("after")]
    spec = recorded(tmp_path, "plain", [[b"".join(map(plain, bodies))]])
    assert tools_of(spec) == {"wide", "after"}
    assert blind_of(spec) == set()


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
