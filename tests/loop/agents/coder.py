"""An agent that writes a program into memory and runs it; it needs no network."""

import os
import subprocess
import sys

from control import wait_for_work


def work(text: str) -> str:
    """What the program printed."""
    program = f"print(sorted(set({text!r}.split())))"
    descriptor = os.memfd_create("program", 0)
    try:
        os.write(descriptor, program.encode())
        return subprocess.run(
            [sys.executable, f"/proc/self/fd/{descriptor}"],
            pass_fds=(descriptor,),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    finally:
        os.close(descriptor)


wait_for_work(work)
