"""What killed runs leave beside the output folder goes, and what live runs have there stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from policyc.pipeline.output import sweep


def leave(folder: Path, pid: object) -> Path:
    path = folder.with_name(f".{folder.name}.new-{pid}")
    path.mkdir()
    (path / "file").write_bytes(b"x")
    return path


def test_only_trees_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        stay = [leave(tmp_path / "out", pid) for pid in (running.pid, os.getpid(), 1, "x")]
        go = [leave(tmp_path / "out", pid) for pid in (ended.pid, 10**30)]
        sweep(tmp_path / "out")
        assert [path.exists() for path in stay] == [True] * len(stay)
        assert [path.exists() for path in go] == [False] * len(go)
        running.communicate(b"\n")
