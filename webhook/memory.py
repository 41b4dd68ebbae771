"""What long reviews take of memory: no more than is known before they are read, and not for long.

glibc takes a block that is as long as the last one that was freed out of the heap, which it does not
give back: after a few long reviews the process stays as large as they were together.
With thresholds of our own it goes on to map and to unmap what is long (mallopt(3), glibc 2.36).
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_MAPPED_BYTES = 1 << 20
"""Longer than anything that a usual review takes."""
_TRIMMED_BYTES = 4 << 20
"""So much free heap is kept: to give it back and to ask for it again at every review would cost."""

VALUES_BYTES = 256 << 20
"""What the values of one review may take.  Those of 16 MiB take up to 30 times as much, if they are made
for it; what etcd stores (1.5 MiB), written out as object and old object, has room."""
_OBJECT_BYTES, _LIST_BYTES, _TEXT_BYTES, _MEMBER_BYTES, _ITEM_BYTES, _PIECE_BYTES = (
    248,
    72,
    64,
    112,
    40,
    10,
)
"""Of CPython 3.11: a member has a pair beside it while its object is read, an item may be a number."""


def give_back_long_blocks() -> None:
    """For the whole process; does nothing where the C library is another one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIMMED_BYTES)


def value_bytes(text: str) -> int:
    """At most so much of memory the values of a JSON text take while they are read, beside it."""
    escapes = text.count("\\")
    # A text with escapes is read in pieces: between two of them there is one where there is a character.
    plain = max(0, len(text) - 2 * escapes - 4 * text.count("\\u"))
    return (
        sys.getsizeof(text)
        + _OBJECT_BYTES * text.count("{")
        + _LIST_BYTES * text.count("[")
        + _TEXT_BYTES * (text.count('"') // 2)
        + _MEMBER_BYTES * text.count(":")
        + _ITEM_BYTES * text.count(",")
        + _PIECE_BYTES * escapes
        + (_TEXT_BYTES + _PIECE_BYTES) * min(escapes, plain)
    )
