"""Gives a file to the standard input of a program: by a pipe, or by a pair of sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

kind, file, *command = sys.argv[1:]
text = Path(file).read_bytes()
if kind == "pipe":
    subprocess.run(command, input=text, check=True)
else:
    here, there = socket.socketpair()
    with subprocess.Popen(command, stdin=there) as child:
        there.close()
        here.sendall(text)
        here.close()
    sys.exit(child.returncode)
