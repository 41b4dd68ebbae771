"""Memory of long reviews goes back to the system when they are answered.

glibc takes a block that is as long as the last one that was freed out of the heap, which it does not
give back: after a few long reviews the process stays as large as they were together.
With thresholds of our own it goes on to map and to unmap what is long (mallopt(3), glibc 2.36).
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_MAPPED_BYTES = 1 << 20
"""Longer than anything that a usual review takes."""
_TRIMMED_BYTES = 4 << 20
"""So much free heap is kept: to give it back and to ask for it again at every review would cost."""


def give_back_long_blocks() -> None:
    """For the whole process; does nothing where the C library is another one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIMMED_BYTES)
