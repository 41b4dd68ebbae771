"""The recorder as its users run it: a process of its own, and the profiles that it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from support.confined import is_known
from support.samples import ROOT

Spec: TypeAlias = "dict[str, Any]"  # the JSON that is under test
TIMEOUT_SECONDS = 120
NAMESPACE = f"policyc-test-{os.getpid()}"
"""Of the containers of this test run: others may come and go on the machine."""
_CONFINED = (sys.executable, str(Path(__file__).with_name("confined.py")))
"""What a command line begins with whose program runs under the seccomp profile of the DaemonSet, by exec."""
PORT = 20_000 + os.getpid() % 10_000
"""For a server that is to have a known port; the kernel gives it to nobody meanwhile (ip_local_port_range of ip(7))."""


def call(
    *arguments: str, under: Sequence[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m recorder` to its end; ``under`` is what its command line begins with."""
    return subprocess.run(
        [*under, sys.executable, "-m", "recorder", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
        **options,
    )


def record(
    folder: Path, *command: str, options: Sequence[str] = (), under: Sequence[str] = ()
) -> Spec:
    """The `spec` of the profile of one command; ``under`` as in ``call``."""
    ended = call("run", "--output", str(folder), *options, "--", *command, under=under)
    assert ended.returncode == 0, ended.stderr
    (only,) = specs(folder)
    return only


def specs(folder: Path) -> list[Spec]:
    """The `spec` of each profile of a folder, by file name."""
    return [json.loads(file.read_bytes())["spec"] for file in sorted(folder.glob("[!.]*.json"))]


def names(spec: Spec, domain: str, field: str = "name", phase: str = "application") -> set[Any]:
    """The values that a field has in a domain."""
    return {item[field] for item in spec[domain] if item["phase"] == phase}


def losses(spec: Spec) -> dict[str, int]:
    """What all runs of a profile lost, by domain, where they lost anything."""
    lost: dict[str, int] = {}
    for run in spec["runs"]:
        for domain, count in run["loss"].items():
            if count:
                lost[domain] = lost.get(domain, 0) + count
    return lost


@dataclass(frozen=True, slots=True)
class Watching:
    """A recorder that watches containers."""

    process: subprocess.Popen[str]
    folder: Path

    def stop(self) -> list[Spec]:
        """Ask it to end, and read what it wrote."""
        self.process.send_signal(signal.SIGTERM)
        _, told = self.process.communicate(timeout=TIMEOUT_SECONDS)
        assert self.process.returncode == 0, told
        return [s for s in specs(self.folder) if s["workload"]["namespace"] == NAMESPACE]


@contextmanager
def watching(folder: Path, *options: str, under: Sequence[str] = ()) -> Iterator[Watching]:
    """A recorder that is ready; killed when the block ends without `stop`.  ``under`` as in ``call``; it execs."""
    program = (*under, *_CONFINED, sys.executable, "-m", "recorder")
    arguments = [*program, "run", "--output", str(folder), *options]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert first.startswith("recorder: ready"), first
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert not is_known() or "\nSeccomp:\t2\n" in status
            yield Watching(process, folder)
        finally:
            process.kill()
