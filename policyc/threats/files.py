"""The files that a catalogue names: below the policy root, never beyond it."""

from __future__ import annotations

from pathlib import Path

from policyc.core.diagnostics import Diagnostic
from policyc.core.files import read_file
from policyc.core.source import Span

LARGEST_BYTES = 16 << 20
"""Of a log or a recording of an attack: a file beyond it is refused unread."""


def named_files(
    root: Path, pattern: str, code: str, span: Span, found: list[Diagnostic]
) -> list[tuple[str, bytes]]:
    """Path below the root and contents of every file that a pattern names, sorted.

    ``code`` is reported at ``span`` when there is none, or one that may not be read.
    """
    paths = [] if _leaves(pattern) else sorted(p for p in root.glob(pattern) if p.is_file())
    if not paths:
        found.append(
            Diagnostic(
                code,
                f"there is no file `{pattern}` in the policy root",
                span,
                help="paths are relative to the policy root, without `..`",
            )
        )
    read: list[tuple[str, bytes]] = []
    for path in paths:
        label = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root.resolve()):
            hint = "copy the file below the root"
            found.append(
                Diagnostic(code, f"`{label}` leads out of the policy root", span, help=hint)
            )
        elif path.stat().st_size > LARGEST_BYTES:
            message = f"`{label}` has more than the {LARGEST_BYTES} bytes that are read"
            found.append(Diagnostic(code, message, span, help="keep what shows the attack"))
        else:
            read.append((label, read_file(path)))
    return read


def _leaves(pattern: str) -> bool:
    return not pattern or pattern.startswith("/") or ".." in pattern.split("/")
