"""Typed paths: the volatile segments of file paths, and what replaces them.

A segment is volatile when the next run of the same program will spell it
differently.  ``typed_path`` is total and idempotent; two paths of one type are one
point of the ``files`` and ``exec`` domains.
"""

from __future__ import annotations

import re
from functools import lru_cache

SEGMENT_TYPES: tuple[tuple[str, str], ...] = (
    # Kubernetes' AtomicWriter swaps a timestamped folder under `..data`
    # (k8s.io/kubernetes pkg/volume/util/atomic_writer.go).
    ("<atomic>", r"\.\.\d{4}_\d{2}_\d{2}_\d{2}_\d{2}_\d{2}\.\d+"),
    # RFC 9562 text form.
    ("<uuid>", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    # Digests and container ids: at least 32 hexadecimal digits, with a digit among them.
    ("<hash>", r"(?=[a-fA-F]*\d)[0-9a-fA-F]{32,}"),
)
"""Token and pattern of a whole segment, in order; no segment matches two."""

_TYPED = tuple((token, re.compile(pattern)) for token, pattern in SEGMENT_TYPES)
_NUMBER = re.compile(r"[0-9]+")


@lru_cache(maxsize=1 << 16)
def typed_path(path: str) -> str:
    """``path`` with each volatile segment replaced by its type.

    Below ``/proc`` a number is a process or thread id (proc(5)); elsewhere numbers
    are kept, since they may mean something (``/etc/rc3.d`` siblings, shard names).
    """
    if "/" not in path:
        return path
    segments = path.split("/")
    below_proc = segments[:2] == ["", "proc"]
    return "/".join(_typed_segment(segment, below_proc) for segment in segments)


def _typed_segment(segment: str, below_proc: bool) -> str:
    if below_proc and _NUMBER.fullmatch(segment):
        return "<pid>"
    if len(segment) > 20:  # the shortest volatile segment is longer
        for token, pattern in _TYPED:
            if pattern.fullmatch(segment):
                return token
    return segment
