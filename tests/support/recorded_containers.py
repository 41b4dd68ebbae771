"""Containers of a workload for the recorder: bundles with our annotations, run by the real runtimes."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.containers import (
    BUSYBOX,
    RUNTIMES,
    TIMEOUT_SECONDS,
    UNRESTRICTED,
    Ended,
    configuration,
    require,
)
from support.recorder import NAMESPACE

WORKLOAD = f"apps/v1/Deployment/{NAMESPACE}/triage"
CONTAINER = "agent"


@dataclass(frozen=True, slots=True)
class Template:
    """A bundle that any number of containers can be started from, one after the other or at once."""

    folder: Path
    runtime: str

    def install(self, program: Path) -> str:
        """Put a static program into the root file system; its path in the container."""
        shutil.copy(program, self.folder / "rootfs/bin" / program.name)
        return f"/bin/{program.name}"

    def configure(self, command: Sequence[str], seccomp: object = None) -> None:
        document = configuration(command, seccomp, UNRESTRICTED)
        document["annotations"] = {
            "policyc.dev/workload": WORKLOAD,
            "policyc.dev/container": CONTAINER,
        }
        (self.folder / "config.json").write_text(json.dumps(document))

    def arguments(self, name: str = "") -> list[str]:
        """The command line that runs one container to its end; its id is the name, or a new one."""
        name = name or f"policyc-test-{uuid.uuid4().hex}"
        state = ("--root", str(self.folder / "state"))
        return [*RUNTIMES[self.runtime], *state, "run", "--bundle", str(self.folder), name]

    def run(self, name: str = "") -> Ended:
        return subprocess.run(
            self.arguments(name),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )


def template(folder: Path, runtime: str) -> Template:
    """A bundle whose root file system holds busybox."""
    require("busybox", "unshare", "mount", runtime)
    (folder / "rootfs/bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, folder / "rootfs/bin/busybox")
    for name in ("dev", "proc", "srv"):
        (folder / "rootfs" / name).mkdir()
    return Template(folder, runtime)
