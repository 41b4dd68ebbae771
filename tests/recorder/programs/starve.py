"""Leaves the memory cgroup in which its recorder made the maps, with the recorder, and gives that one no more memory;
then it has many threads at once, for each of which the recorder needs some."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

starved, home, usage, limit, threads = sys.argv[1:]
for process in (os.getppid(), os.getpid()):
    (Path(home) / "cgroup.procs").write_text(str(process))
(Path(starved) / limit).write_text((Path(starved) / usage).read_text())

threading.stack_size(1 << 16)
everybody = threading.Barrier(int(threads) + 1)
for _ in range(int(threads)):
    threading.Thread(target=everybody.wait).start()
everybody.wait()
