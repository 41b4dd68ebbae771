"""``python -m tests.loop.itself LAYOUT FOLDER``: what the recorder's own seccomp profile must have.

A recorder of this tree records the recorder of an image at its work: a container that was there before it, others
that come and go, owners from an API server, objects to it.  What is new is joined with
``deploy/recorder/policy/recorder.json``; then ``policyc compile deploy/recorder/policy`` makes the profile.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import oci
from tests.support.control_plane import ControlPlane
from tests.support.control_plane.daemon import Daemon

from .recording import MANIFESTS, recorder
from .roots import agents_root

Json = Any  # documents of ours, looked at by path
NAME = "daemonset-policyc-recorder-policyc-recorder-recorder.json"
KNOWN = MANIFESTS / "policy" / "recorder.json"
_WORK = (
    "import ssl, socket; ssl.create_default_context(); socket.socket().connect_ex(('127.0.0.1', 9))"
)


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Another recorder, which is no container and sees this one."""
    folder.mkdir(parents=True)
    service = Daemon([sys.executable, "-m", "recorder", "run", f"--output={folder}"], Path.cwd())
    service.log = folder / ".log"
    service.start()
    service.wait_until(lambda: "recorder: ready" in service.log.read_text())
    try:
        yield
    finally:
        service.stop()


def _command(pods: Path, root: Path, name: str, program: str) -> list[str]:
    folder = pods / name
    folder.mkdir(parents=True)
    document = oci.configuration(
        root,
        oci.process(["/usr/bin/python3.11", "-c", program], {}, user=0, cwd="/"),
        (oci.PROC, oci.DEV, oci.TMP),
        ("pid", "ipc", "uts", "mount"),
        annotations={
            "policyc.dev/workload": "apps/v1/Deployment/default/itself",
            "policyc.dev/container": "main",
        },
    )
    (folder / "config.json").write_text(json.dumps(document))
    return ["runc", "--root", str(pods / "state"), "run", "--bundle", str(folder), name]


def seen(layout: Path, folder: Path) -> Json:
    """The AgentProfile of the recorder."""
    with ControlPlane(folder / "plane") as plane, _beside(folder / "seen"):
        root, pods = (
            agents_root(layout, folder / "root", plane.authority.certificate),
            folder / "pods",
        )
        before = _command(pods, root, "before", f"input(); {_WORK}")
        with (
            subprocess.Popen(before, stdin=subprocess.PIPE) as early,
            recorder(layout, folder / "it", pods / "state", plane, is_confined=False),
        ):
            for name in ("one", "two"):
                subprocess.run(_command(pods, root, name, _WORK), check=True)
            early.communicate(b"\n")
    return json.loads((folder / "seen" / NAME).read_bytes())


def main(layout: Path, folder: Path) -> None:
    known = json.loads(KNOWN.read_bytes())
    (run,) = known["spec"]["runs"]
    calls = {
        (item["architecture"], item["name"], item["phase"])
        for spec in (known["spec"], seen(layout, folder)["spec"])
        for item in spec["syscalls"]
    }
    known["spec"]["syscalls"] = [
        {"architecture": architecture, "name": name, "phase": phase, "runs": [run["id"]]}
        for architecture, name, phase in sorted(calls)
    ]
    KNOWN.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
