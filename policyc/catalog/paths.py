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
"""Token and pattern of a whole segment; no segment matches two."""

PROC_TYPES: tuple[tuple[str, str], ...] = (
    # proc(5), proc_pid_task(5): process and thread ids.
    ("<pid>", r"/proc/\d+|/proc/(?:<pid>|self)/task/\d+"),
    # proc_pid_fd(5), proc_pid_fdinfo(5): descriptors, numbered as they are opened.
    ("<num>", r"/proc/(?:<pid>|self|thread-self)(?:/task/<pid>)?/fd(?:info)?/\d+"),
)
"""Token and pattern of a path whose last segment it replaces, those before it typed already.

Numbers elsewhere are kept, since they may mean something: ``/proc/irq/12``, ``/etc/rc3.d``.
"""

_SEGMENTS = tuple((token, re.compile(pattern, re.ASCII)) for token, pattern in SEGMENT_TYPES)
_PROC = tuple((token, re.compile(pattern, re.ASCII)) for token, pattern in PROC_TYPES)
_SHORTEST = 23
"""The shortest segment that a pattern of SEGMENT_TYPES matches has as many characters."""


@lru_cache(maxsize=1 << 16)
def typed_path(path: str) -> str:
    """``path`` with each volatile segment replaced by its type.

    An absolute path is first freed of empty segments, ``.`` and a final slash, and
    ``..`` takes the segment before it away: enforcers compare resolved paths, and
    ``/data/../etc/shadow`` must not pass for something below ``/data``.
    """
    if not path.startswith("/"):
        return path
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(_typed_segment(segment))
    if segments[:1] == ["proc"]:
        segments = _typed_proc(segments)
    return "/" + "/".join(segments)


def _typed_segment(segment: str) -> str:
    if len(segment) < _SHORTEST:
        return segment
    return next((token for token, p in _SEGMENTS if p.fullmatch(segment)), segment)


def _typed_proc(segments: list[str]) -> list[str]:
    typed: list[str] = []
    for segment in segments:
        here = "/".join(("", *typed, segment))
        typed.append(next((token for token, p in _PROC if p.fullmatch(here)), segment))
    return typed
