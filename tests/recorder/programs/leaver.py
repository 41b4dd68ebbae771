"""Reads its standard input, which it got only meanwhile, in a thread that ends before the others."""

from __future__ import annotations

import os
import threading

out, into = os.pipe()
os.write(into, b"{}\n")
os.dup2(out, 0)
reader = threading.Thread(target=os.read, args=(0, 700))
reader.start()
reader.join()
