"""``python tests/support/confined.py COMMAND...``: a command under the seccomp profile of the recorder's DaemonSet, by exec.

libseccomp makes the filter, as container runtimes do it.  There is a profile of amd64 alone: elsewhere nothing is
confined.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

from policyc.catalog.syscalls import table

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.samples import ROOT

PROFILE = ROOT / "deploy" / "recorder" / "seccomp-amd64.json"


def is_known() -> bool:
    """Whether there is a profile of this machine's architecture."""
    return platform.machine() == "x86_64"


def main(*command: str) -> None:
    if is_known():
        from support.oracle.kernel import install

        install(json.loads(PROFILE.read_bytes()), table()["amd64"])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
