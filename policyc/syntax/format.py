"""The formatter: one layout, no options, and a proof at every run that nothing changed.

It moves lines and spaces and touches nothing else: indentation from the blocks,
one space between words, at most one empty line, comments where they stood.  The
result is scanned and parsed again; if a word, a comment or the tree differs, the
formatter refuses.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from policyc.core.diagnostics import Diagnostic, Outcome, has_errors
from policyc.core.source import Source
from policyc.syntax.parser import parse
from policyc.syntax.scan import Kind, Lexeme, scan

_INDENT = "  "


def format_source(source: Source) -> Outcome[str]:
    """The formatted text; the text itself, with diagnostics, when it has errors."""
    before = parse(source)
    if has_errors(before.diagnostics):
        return Outcome(source.text, before.diagnostics)
    result = _layout(scan(source.text))
    after = parse(Source(source.path, result))
    if after.value != before.value or _essence(result) != _essence(source.text):
        refusal = Diagnostic(
            "PC1801",
            "formatting would change the file's meaning or a comment",
            path=source.path,
            help="the file is left as it is; please report it as a bug",
        )
        return Outcome(source.text, [refusal])
    return Outcome(result)


def _essence(text: str) -> list[tuple[str, str]]:
    """All words and comments in order: what formatting may not touch."""
    return [(p.kind, p.text.rstrip()) for p in scan(text) if p.kind is not Kind.NEWLINE]


@dataclass(slots=True)
class _Line:
    """A physical line: its pieces, and how far it is indented."""

    pieces: list[Lexeme]
    depth: int


def _layout(pieces: list[Lexeme]) -> str:
    rows: list[str] = []
    blank = False
    for line in _lines(pieces):
        if not line.pieces:
            blank = bool(rows)
            continue
        opens = rows and rows[-1].endswith("{")
        closes = line.pieces[0].kind is Kind.CLOSE
        if blank and not opens and not closes:
            rows.append("")
        blank = False
        rows.append(_INDENT * line.depth + _spaced(line.pieces))
    return "\n".join(rows) + "\n" if rows else ""


def _lines(pieces: list[Lexeme]) -> list[_Line]:
    """Physical lines with the depth of the blocks and wrapped statements around them."""
    lines: list[_Line] = []
    current: list[Lexeme] = []
    block = 0
    goes_on = False
    for piece in [*pieces, Lexeme(Kind.NEWLINE, "\n", 0, 0)]:
        if piece.kind is not Kind.NEWLINE:
            current.append(piece)
            continue
        depth = block + goes_on
        if current and current[0].kind is Kind.CLOSE:
            depth = block - 1
        lines.append(_Line(current, max(depth, 0)))
        block += sum((p.kind is Kind.OPEN) - (p.kind is Kind.CLOSE) for p in current)
        words = [p for p in current if p.kind is not Kind.COMMENT]
        if words:
            goes_on = words[-1].kind in (Kind.COMMA, Kind.LEFT)
        current = []
    return lines


_TIGHT_BEFORE = frozenset({Kind.COMMA, Kind.RIGHT})


def _spaced(pieces: list[Lexeme]) -> str:
    out = pieces[0].text
    for left, right in itertools.pairwise(pieces):
        out += _gap(left, right) + right.text
    return out.rstrip()


def _gap(left: Lexeme, right: Lexeme) -> str:
    if right.kind is Kind.COMMENT:
        return "  "
    if right.kind in _TIGHT_BEFORE or left.kind is Kind.LEFT:
        return ""
    touching = left.end == right.start
    if Kind.COLON in (left.kind, right.kind):
        # `tool a: b` has a space behind its colon, `ns/name:8080` has none, and `cidr ::/0` has one
        # in front: as written before it.
        return "" if right.text == ":" or touching else " "
    return " "
