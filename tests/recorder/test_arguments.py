"""Arguments by their shape: the kernel side against the rules written once more, and secrets in every place."""

from __future__ import annotations

import random
import re
import sys
from itertools import groupby
from pathlib import Path

import pytest
from support.recorder import Spec, losses, record

from recorder.words import WORDS

pytestmark = pytest.mark.system

SEED = 11
SECRET = "Planted5ecret"
PIECES = (
    "clone", "install", "--depth", "--depth=3", f"--token={SECRET}", f"-p{SECRET}", "-p", SECRET, "--", "-", "", "7",
    "10.0.0.1", "-5", "a/b", "/etc/hostname", f"https://u:{SECRET}@host/x", "a=b", f"--{SECRET}", "-----BEGIN KEY-----",
    "--a-very-long-option-that-nobody-has-ever-given-a-program", "word", "ü", "-é", "http://", ":/", "1a", ".", "-.",
)  # fmt: skip
RUN = (
    "import os, sys\n"
    "for line in open(sys.argv[1]):\n"
    "    os.waitpid(os.posix_spawn('/bin/true', ['true', *line[:-1].split('\\t')], {}), 0)\n"
)


def _token(argument: str) -> str:
    """What stands for an argument."""
    if re.fullmatch(r"-|--|--[A-Za-z-]{1,29}", argument):
        return argument
    if found := re.fullmatch(r"(--[A-Za-z-]{0,29})=.*", argument):
        return f"{found[1]}=<text>"
    if re.match(r"-[A-Za-z]", argument):
        return argument[:2] + ("<text>" if argument[2:] else "")
    if argument in WORDS:
        return argument
    if re.fullmatch(r"[-\d][\d.]*", argument):
        return "<number>"
    if "://" in argument:
        return "<url>"
    return "<path>" if "/" in argument else "<text>"


def _shape(arguments: list[str]) -> str:
    runs = [(token, len(list(run))) for token, run in groupby(map(_token, arguments))]
    return " ".join(
        token + "+" if token.startswith("<") and count > 1 else " ".join([token] * count)
        for token, count in runs
    )


def _of_true(spec: Spec) -> set[str]:
    true = str(Path("/bin/true").resolve())
    (found,) = (i for i in spec["executables"] if i["path"] == true and i["phase"] == "application")
    return set(found["arguments"])


def test_the_kernel_shapes_arguments_as_the_rules_say(tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    lists = [[draw.choice(PIECES) for _ in range(draw.randrange(1, 9))] for _ in range(150)]
    lines = tmp_path / "lines"
    lines.write_text("".join("\t".join(arguments) + "\n" for arguments in lists))
    spec = record(tmp_path / "out", sys.executable, "-S", "-E", "-c", RUN, str(lines))
    assert _of_true(spec) == {_shape(arguments) for arguments in lists}
    assert losses(spec) == {}
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").glob("*.json"))
    assert b"ecret" not in written


def test_nothing_of_an_argument_stays_in_a_map(tmp_path: Path) -> None:
    maps = "for map in scratches shapings items words; do bpftool --json map dump name $map || exit 1; done >$1"
    script = f"/bin/true {SECRET} --key={SECRET}; exec 2>/dev/null; {maps}"
    record(tmp_path / "out", "/bin/sh", "-c", script, "sh", str(tmp_path / "dump"))
    dumped = (tmp_path / "dump").read_bytes()
    raw = bytes(int(byte, 16) for byte in re.findall(rb'"0x([0-9a-f]{2})"', dumped))
    # What is in the maps would be found: the last path that bpftool opens for a map of each processor.
    assert b"possible\0cpu\0system\0" in raw
    assert SECRET.encode() not in raw
    assert SECRET.encode() not in dumped


def test_long_arguments_are_cut_and_say_so(tmp_path: Path) -> None:
    script = "/bin/true " + "/x " * 800 + "; /bin/true " + "--a /x " * 150
    spec = record(tmp_path / "out", "/bin/sh", "-c", script)
    short, long = sorted(_of_true(spec), key=len)
    assert short == "<path>+ <more>"
    assert re.fullmatch(r"(--a <path> )+(--a )?<more>", long)
    assert losses(spec) == {}


def test_a_program_without_arguments(tmp_path: Path) -> None:
    assert _of_true(record(tmp_path / "out", "/bin/true")) == {""}
