"""Gives each line of a file to the standard input of a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

reader = "import os\nwhile os.read(0, 700): pass"
with Path(sys.argv[1]).open("rb") as lines:
    for line in lines:
        subprocess.run([sys.executable, "-S", "-E", "-c", reader], input=line, check=True)
