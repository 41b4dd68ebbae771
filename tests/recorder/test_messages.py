"""Names in messages, and nothing else of them: the kernel side reads JSON, and Python's reader is its oracle."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.containers import require
from support.recorder import losses, record

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SECRET = b"PLANTED" + b"SECRET"
MESSAGES = 60
SEED = 7
WORDS = (
    "name",
    "params",
    "method",
    "tools/call",
    "model",
    "",
    'a"b',
    "c\\",
    "{",
    "}",
    "[",
    ",",
    ":",
    "ü",
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("openssl", "bpftool")
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(path),
         "-out", f"{path}.crt", "-subj", "/CN=models.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def test_names_are_seen_and_nothing_else_leaves_the_program(
    tmp_path: Path, certificate: Path
) -> None:
    maps = tmp_path / "maps"
    spec = record(
        tmp_path / "out", sys.executable, str(PROGRAMS / "speaker.py"), str(certificate), str(maps)
    )
    tools = {(item["tool"], re.sub(r"\d+$", "N", item["server"])) for item in spec["tools"]}
    reader = Path(sys.executable).resolve().name[:15]
    # Two calls in one write are two.
    by_pipe_too = {"by_pipe", "by_pipe_first", "by_pipe_second"}
    assert {name for name, _ in tools} == by_pipe_too | {"by_http", "by_tls"}
    assert ("by_tls", "models.example") in tools
    assert ("by_http", "127.0.0.1 port N") in tools
    (by_pipe,) = (item["server"] for item in spec["tools"] if item["tool"] == "by_pipe")
    assert by_pipe in {f"stdio:{reader}", "stdio:python", "stdio:python3"}
    # What its clients ask and its own server is asked: the server has a name only for the clients, and no name
    # server gave it that.
    comm = Path(sys.executable).name[:15]
    models = {_flagged(item, "model", "gateway") for item in spec["models"]}
    assert models == {("large-4", "models.example", "claimed"), ("large-4", comm, "served")}
    by_tls = {_flagged(i, "tool", "server") for i in spec["tools"] if i["tool"] == "by_tls"}
    assert by_tls == {("by_tls", "models.example", "claimed"), ("by_tls", comm, "served")}
    assert losses(spec) == {}

    # The dumps hold bytes as numbers and as text; both are looked through.
    dumped = maps.read_bytes()
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    raw = bytes(int(byte, 16) for byte in re.findall(rb'"0x([0-9a-f]{2})"', dumped))
    assert b"models.example" in raw  # what is in the maps would be found
    for text in (dumped, raw, written):
        assert SECRET not in text


def _flagged(item: dict[str, Any], *fields: str) -> tuple[str, ...]:
    flags = [name for name in ("claimed", "served") if item.get(name)]
    return (*(item[field] for field in fields), *flags)


def _value(draw: random.Random, depth: int) -> Any:
    kind = draw.randrange(6 if depth else 3)
    if kind == 3:
        return [_value(draw, depth - 1) for _ in range(draw.randrange(3))]
    if kind > 3:
        return {draw.choice(WORDS): _value(draw, depth - 1) for _ in range(draw.randrange(4))}
    return (draw.choice(WORDS), draw.randrange(99), None)[kind]


def _message(draw: random.Random, number: int) -> dict[str, Any]:
    params = {draw.choice(WORDS): _value(draw, 2) for _ in range(draw.randrange(4))}
    params["name"] = f"tool{number}-{draw.choice(WORDS)}"
    message = {draw.choice(WORDS): _value(draw, 2) for _ in range(draw.randrange(4))}
    message |= {"method": draw.choice(["tools/call", "tools/call", "tools/list"]), "params": params}
    return {key: message[key] for key in draw.sample(sorted(message), len(message))}


def test_the_kernel_reads_json_as_python_does(tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    messages = [_message(draw, number) for number in range(MESSAGES)]
    lines = tmp_path / "lines"
    lines.write_text(
        "".join(
            json.dumps(m, ensure_ascii=draw.random() < 0.5, indent=None) + "\n" for m in messages
        )
    )
    spec = record(tmp_path / "out", sys.executable, str(PROGRAMS / "pipe.py"), str(lines))
    called = {m["params"]["name"] for m in messages if m["method"] == "tools/call"}
    assert {item["tool"] for item in spec["tools"]} == called
    assert len(called) > MESSAGES // 3


CALL = '{"method": "tools/call", "params": {"name": "%s"}}'
ASK = '{"method": "tools/call", "params": {"name": "tool"}, "model": "m", "messages": []}'


@pytest.mark.parametrize(
    ("requests", "tools", "models"),
    [
        ([("HEAD", None), ("POST", CALL % "later")], {"later"}, set()),
        ([("POST", ASK)], {"tool"}, {"m"}),
        ([("POST", [ASK[:20], ASK[20:50], ASK[50:]])], {"tool"}, {"m"}),
    ],
    ids=["what begins with HEAD", "a tool and a model in one", "words across the chunks of a body"],
)
def test_requests_in_plain_http(
    tmp_path: Path,
    requests: list[tuple[str, Any]],
    tools: set[str],
    models: set[str],
) -> None:
    spec = record(
        tmp_path / "out", sys.executable, str(PROGRAMS / "plain.py"), json.dumps(requests)
    )
    assert {item["tool"] for item in spec["tools"]} == tools
    assert {item["model"] for item in spec["models"]} == models
    assert losses(spec) == {}
