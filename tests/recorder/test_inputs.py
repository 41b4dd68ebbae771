"""Calls that come by standard input, however the server takes them and however they are written."""

from __future__ import annotations

import json
import random
import shlex
import sys
from pathlib import Path

import pytest
from support.recorder import Spec, losses, record

from recorder import layout
from recorder.blind import _UNREAD  # the words that are under test

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SEED = 11


def _call(tool: str, **more: object) -> str:
    return json.dumps({"method": "tools/call", "params": {"name": tool, **more}})


def _fed(text: Path, way: str, kind: str = "pipe") -> tuple[str, ...]:
    """The command that gives a text to a server."""
    feeder, reader = (str(PROGRAMS / name) for name in ("feeder.py", "reader.py"))
    return (sys.executable, feeder, kind, str(text), sys.executable, reader, way)


def _recorded(folder: Path, text: bytes, way: str, kind: str = "pipe") -> Spec:
    (folder / "text").write_bytes(text)
    return record(folder / "out", *_fed(folder / "text", way, kind))


def _tools(spec: Spec) -> set[str]:
    return {item["tool"] for item in spec["tools"]}


WAYS = (
    *((way, "pipe") for way in ("read", "readv", "preadv", "vmsplice", "moved", "opened-again")),
    *((way, "sockets") for way in ("read", "readv", "recv", "recv_into", "recvmsg", "moved")),
)
"""How a server takes its standard input, and what that is."""


def _calls(way: str, kind: str) -> dict[str, str]:
    """Tool -> the call of it, of many lengths."""
    numbered = {f"{way} {kind} {place}": "x" * len(f"tool{place}") ** 3 for place in range(60)}
    return {tool: _call(tool, argument=long) for tool, long in numbered.items()}


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    """One recording of a server for each way, one after the other."""
    folder = tmp_path_factory.mktemp("ways")
    for way in WAYS:
        (folder / "-".join(way)).write_text("".join(f"{call}\n" for call in _calls(*way).values()))
    script = "\n".join(shlex.join(_fed(folder / "-".join(way), *way)) for way in WAYS)
    return record(folder / "out", "/bin/sh", "-ec", script)


@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_every_way_to_take_it(taken: Spec, way: str, kind: str) -> None:
    others = {tool for other in WAYS if other != (way, kind) for tool in _calls(*other)}
    assert _tools(taken) - others == _calls(way, kind).keys()
    # Looked at before it is taken is not taken twice.
    assert {item["count"] for item in taken["tools"]} == {1}
    assert losses(taken) == {}


def test_what_only_a_thread_read_makes_room_with_its_process(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(_call("seen"))
    leaver = f"{sys.executable} -S -E {PROGRAMS / 'leaver.py'}"
    reader = f"{sys.executable} -S -E {PROGRAMS / 'reader.py'} read"
    script = f"for i in 1 2 3 4 5 6; do {leaver}; done; cat {tmp_path / 'text'} | {reader}"
    spec = record(tmp_path / "out", "/bin/sh", "-c", script, options=("--map-entries", "streams=3"))
    assert _tools(spec) == {"seen"}
    assert losses(spec) == {}


CARRIED = _UNREAD[layout.UNREAD_CARRIED]
SUBMITTED = "messages that io_submit reads from standard input"


@pytest.mark.parametrize(
    ("way", "kind", "words"),
    [
        ("splice", "pipe", CARRIED),
        ("sendfile", "sockets", CARRIED),
        ("io_submit", "pipe", SUBMITTED),
    ],
)
def test_what_is_moved_on_leaves_a_blind_spot(
    tmp_path: Path, way: str, kind: str, words: str
) -> None:
    spec = _recorded(tmp_path, _call("unseen").encode(), way, kind)
    blind = {spot for run in spec["runs"] for spot in run["blind"]}
    assert _tools(spec) == set()
    assert blind == {f"models: {words}", f"tools: {words}"}


def _escaped(text: str, draw: random.Random) -> str:
    """The same to JSON's readers (RFC 8259, 7): any character of a string may be written by its number."""
    return "".join(f"\\u{ord(c):04{draw.choice('xX')}}" if draw.random() < 0.3 else c for c in text)


def _odd(tool: str, draw: random.Random) -> str:
    method = _escaped(draw.choice(["tools/call", "tools\\/call"]).replace("\\/", "/"), draw)
    if draw.random() < 0.5:
        method = method.replace("/", "\\/")
    deep = "[" * 200 + "{}" + "]" * 200
    keys = [_escaped(key, draw) for key in ("method", "params", "name")]
    params = f'{{"deep":{deep},"{keys[2]}" : "{_escaped(tool, draw)}","x":[{{"name":"no"}}]}}'
    members = [f'"{keys[0]}":\t"{method}"', f'"{keys[1]}": {params}', f'"a":{deep}']
    draw.shuffle(members)
    blank = draw.choice(["", " ", "\t \r", "\n"])
    return f"{blank}{{{' , '.join(members)}}}{draw.choice(['', chr(10)])}"


def test_every_way_to_write_it(tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    names = [f"tool-{place}" for place in range(80)]
    text = "".join(_odd(name, draw) for name in names)
    spec = _recorded(tmp_path, text.encode(), "read")
    assert _tools(spec) == set(names)
    assert losses(spec) == {}


NO_MESSAGES = {
    "binary": bytes(random.Random(SEED).randbytes(1 << 20)),  # no secret
    "a string that has no end": b'{"a": "b\n',
    "an object that has no end on a line of its own": b"{ \x00 {\n",
    "a shell's words": b'{ echo "it is";\n',
}


@pytest.mark.parametrize("name", sorted(NO_MESSAGES))
def test_what_is_no_message_hides_none(tmp_path: Path, name: str) -> None:
    text = NO_MESSAGES[name] + b"\n" + _call("after").encode()
    spec = _recorded(tmp_path, text, "read")
    assert "after" in _tools(spec) or losses(spec).get("tools", 0)


def test_a_name_that_is_too_long_is_lost_and_not_cut(tmp_path: Path) -> None:
    long = "l" * layout.TEXT_BYTES
    spec = _recorded(tmp_path, f"{_call(long)}\n{_call(long[1:])}\n".encode(), "read")
    assert _tools(spec) == {long[1:]}
    assert losses(spec) == {"models": 1, "tools": 1}
