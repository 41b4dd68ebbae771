"""Calls that come by standard input, however the server takes them and however they are written."""

from __future__ import annotations

import json
import random
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


def _recorded(folder: Path, text: bytes, way: str, kind: str = "pipe") -> Spec:
    (folder / "text").write_bytes(text)
    feeder, reader = (str(PROGRAMS / name) for name in ("feeder.py", "reader.py"))
    command = (sys.executable, feeder, kind, str(folder / "text"), sys.executable, reader, way)
    return record(folder / "out", *command)


def _tools(spec: Spec) -> set[str]:
    return {item["tool"] for item in spec["tools"]}


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        *((way, "pipe") for way in ("read", "readv", "preadv", "moved", "opened-again")),
        *((way, "sockets") for way in ("read", "readv", "recv", "recv_into", "recvmsg", "moved")),
    ],
)
def test_every_way_to_take_it(tmp_path: Path, way: str, kind: str) -> None:
    calls = {f"tool{place}" for place in range(60)}
    text = "".join(_call(tool, argument="x" * len(tool) ** 3) + "\n" for tool in sorted(calls))
    spec = _recorded(tmp_path, text.encode(), way, kind)
    assert _tools(spec) == calls
    # Looked at before it is taken is not taken twice.
    assert {item["count"] for item in spec["tools"]} == {1}
    assert losses(spec) == {}


def test_what_only_a_thread_read_makes_room_with_its_process(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(_call("seen"))
    leaver = f"{sys.executable} -S -E {PROGRAMS / 'leaver.py'}"
    reader = f"{sys.executable} -S -E {PROGRAMS / 'reader.py'} read"
    script = f"for i in 1 2 3 4 5 6; do {leaver}; done; cat {tmp_path / 'text'} | {reader}"
    spec = record(tmp_path / "out", "/bin/sh", "-c", script, options=("--map-entries", "streams=3"))
    assert _tools(spec) == {"seen"}
    assert losses(spec) == {}


def test_what_is_moved_on_leaves_a_blind_spot(tmp_path: Path) -> None:
    spec = _recorded(tmp_path, _call("unseen").encode(), "splice")
    words = _UNREAD[layout.UNREAD_CARRIED]
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
