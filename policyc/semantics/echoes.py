"""Findings that may only repeat a syntax error: a statement that was left out says nothing.

A name is missing because its declaration did not parse, a line is outside of a cap
because the cap's own line did not.  Such findings are held back until the text parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from policyc.core.diagnostics import Diagnostic
from policyc.core.source import Span
from policyc.semantics.load import Workspace

_OF_CAPS = frozenset({"PC2007", "PC3001", "PC3002", "PC3004", "PC3011", "PC3022"})
_WORD = re.compile(r"[\w.-]+")


def without_echoes(
    syntax: Iterable[Diagnostic], found: Iterable[Diagnostic], workspace: Workspace
) -> list[Diagnostic]:
    """``found`` less what a syntax error may have caused."""
    broken = [d.span for d in syntax if d.span is not None and d.code.startswith("PC1")]
    if not broken:
        return list(found)
    words = {word for span in broken for word in _words(span)}
    return [d for d in found if not _is_echo(d, broken, words, workspace)]


def _is_echo(
    finding: Diagnostic, broken: list[Span], words: set[str], workspace: Workspace
) -> bool:
    if finding.code in _OF_CAPS:
        return True
    if finding.span is None:
        return False
    if finding.code == "PC2001":
        return any(name in words for name in _endings(finding.span.text))
    if finding.code == "PC3009":
        return _shares_declaration(finding.span, broken, workspace)
    return False


def _endings(name: str) -> list[str]:
    """``m.slack.com``, ``slack.com`` and ``com``: an alias may stand before a name with dots of its own."""
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def _words(span: Span) -> list[str]:
    return _WORD.findall(span.source.line(span.begin.line))


def _shares_declaration(span: Span, broken: list[Span], workspace: Workspace) -> bool:
    file = workspace.files.get(span.source.path)
    for declaration in file.declarations if file is not None else ():
        whole = declaration.span
        if whole.start <= span.start < whole.end:
            return any(
                b.source.path == span.source.path and whole.start <= b.start < whole.end
                for b in broken
            )
    return False
