"""The artifacts of the build as a whole, and why they say what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyc.core.diagnostics import Diagnostic, Outcome, Severity
from policyc.emit.backstop import FOLDER, STATIC, Row, backstop, beyond
from policyc.emit.base import Artifact
from policyc.pipeline.artifacts import to_bytes
from policyc.pipeline.sidecar import SIDECAR, PolicyLines, Reasons, write


def cluster_files(rows: Iterable[Row]) -> Outcome[dict[str, bytes]]:
    """Path -> bytes; empty when no agent has a pod.  PC6401 for what no API server takes."""
    artifacts = backstop(rows)
    if not artifacts:
        return Outcome({})
    files = {a.path: to_bytes(a.path, a.document) for a in artifacts}
    lines = {a.path.removeprefix(f"{FOLDER}/"): a.lines for a in artifacts}
    files[f"{FOLDER}/{SIDECAR}"] = write("", PolicyLines("", {}), lines, Reasons(), ())
    return Outcome(files, [*_too_large(artifacts)])


def _too_large(artifacts: Iterable[Artifact]) -> Iterator[Diagnostic]:
    """Of the objects; the static form says the same, and an object is too large for etcd alone."""
    for artifact in artifacts:
        if artifact.path.startswith(f"{FOLDER}/{STATIC}/"):
            continue
        for why in beyond(artifact):
            yield Diagnostic(
                "PC6401",
                f"no API server takes this policy: {why}",
                path=artifact.path,
                help="give that agent fewer bindings, or fewer different images",
                severity=Severity.WARNING,
            )
