"""Markdown as the documentation tests read it: fences, links, and console transcripts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(?P<word>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")

ELISION = "..."
"""A line of a transcript that stands for any lines."""


@dataclass(slots=True)
class Command:
    """A line after ``$`` of a ``console`` fence, and the output that is shown for it."""

    line: str
    shown: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """Every Markdown file of the repository that people wrote."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def fences(path: Path, word: str) -> list[str]:
    """The bodies of the page's fences with this info word."""
    text = path.read_text(encoding="utf-8")
    return [match["body"] for match in _FENCE.finditer(text) if match["word"] == word]


def links(path: Path) -> Iterator[str]:
    """The targets of the page's links, those in fences left out."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        yield match["target"]


def anchors(path: Path) -> set[str]:
    """What a link into the page may name: its headings as GitHub writes them."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[Command]:
    """The transcript of the page's ``console`` fences, in their order."""
    found: list[Command] = []
    for body in fences(path, "console"):
        for row in body.splitlines():
            if row.startswith("$ "):
                found.append(Command(row[2:]))
            else:
                found[-1].shown.append(row)
    return found


def shows(shown: list[str], real: list[str]) -> bool:
    """Whether the shown rows are the real ones but for elisions and empty last rows."""
    parts = [re.escape(row) + r"\n" if row != ELISION else r"(?:.*\n)*?" for row in shown]
    text = "".join(f"{row}\n" for row in real)
    return re.fullmatch("".join(parts) + r"\n*", text) is not None


def renewed(shown: list[str], real: list[str]) -> list[str]:
    """The shown rows as they are now: all real ones, or those nearest to what was chosen."""
    if ELISION not in shown:
        return "\n".join(real).rstrip("\n").split("\n")
    rows: list[str] = []
    at = 0
    for row in shown:
        near = [ELISION] if row == ELISION else difflib.get_close_matches(row, real[at:], n=1)
        rows += near
        if near and row != ELISION:
            at = real.index(near[0], at) + 1
    return rows


def rewrite(path: Path, command: Command, rows: list[str]) -> None:
    """Put ``rows`` in the place of what the page shows for the command."""
    old = "\n".join([f"$ {command.line}", *command.shown, ""])
    new = "\n".join([f"$ {command.line}", *rows, ""])
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
