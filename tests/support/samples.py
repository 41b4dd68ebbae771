"""Sample policies: the examples of the repository and the file that uses every construct."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
EVERYTHING = ROOT / "tests" / "cases" / "syntax" / "everything.agentpol"


def samples() -> list[str]:
    paths = [EVERYTHING, *sorted((ROOT / "policies").rglob("*.agentpol"))]
    return [path.read_text(encoding="utf-8") for path in paths]
