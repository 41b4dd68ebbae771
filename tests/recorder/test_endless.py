"""A program that makes events faster than they can be taken does not keep the recorder from its work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.rare_calls import build
from support.recorded_containers import template
from support.recorder import names, record, watching

pytestmark = pytest.mark.system

SERVER = "127.77.0.53"
SECONDS = "40"
"""How long the program goes on when it is not ended; it fails then."""


def test_a_command_ends_in_its_time(tmp_path: Path) -> None:
    program = str(build(tmp_path, "answerer"))
    spec = record(tmp_path / "out", program, SECONDS, options=("--for", "1s"))
    assert names(spec, "egress", "address") == {SERVER}


def test_a_recorder_of_containers_writes_and_ends_while_one_goes_on(tmp_path: Path) -> None:
    bundle = template(tmp_path / "bundle", "runc")
    bundle.configure((bundle.install(build(tmp_path, "answerer")), SECONDS))
    with (
        watching(tmp_path / "out") as recorder,
        subprocess.Popen(bundle.arguments(), stdout=subprocess.PIPE) as flood,
    ):
        try:
            assert flood.stdout is not None
            assert flood.stdout.readline() == b"begun\n"
            (spec,) = recorder.stop()
            assert flood.poll() is None
        finally:
            flood.terminate()  # which the runtime hands on
    assert names(spec, "egress", "address") == {SERVER}
