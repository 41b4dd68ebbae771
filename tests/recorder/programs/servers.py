"""Starts a server over standard input, which starts a child of its own that answers for it, and calls a tool of it."""

from __future__ import annotations

import json
import subprocess
import sys

SERVER = "import os, subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', os.environ['BEHIND']]).returncode)"
BEHIND = "import sys\nfor line in sys.stdin: print('{}', flush=True)"
call = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "look_up", "arguments": {}},
}
with subprocess.Popen(
    [sys.executable, "-c", SERVER],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    env={"BEHIND": BEHIND},
) as server:
    answer, _ = server.communicate(json.dumps(call) + "\n")
    assert answer == "{}\n"
