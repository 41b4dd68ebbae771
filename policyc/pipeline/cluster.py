"""The artifacts of the build as a whole, and why they say what they say."""

from __future__ import annotations

from collections.abc import Iterable

from policyc.emit.backstop import FOLDER, Row, backstop
from policyc.pipeline.artifacts import to_bytes
from policyc.pipeline.sidecar import SIDECAR, PolicyLines, Reasons, write


def cluster_files(rows: Iterable[Row]) -> dict[str, bytes]:
    """Path -> bytes; empty when no agent has a pod."""
    artifacts = backstop(rows)
    if not artifacts:
        return {}
    files = {a.path: to_bytes(a.path, a.document) for a in artifacts}
    lines = {a.path.removeprefix(f"{FOLDER}/"): a.lines for a in artifacts}
    files[f"{FOLDER}/{SIDECAR}"] = write("", PolicyLines("", {}), lines, Reasons(), ())
    return files
