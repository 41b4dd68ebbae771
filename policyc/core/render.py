"""One diagnostic, three forms: caret text for people, JSON for tools, SARIF for code hosts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from policyc.core.canonical import Json, pretty_json
from policyc.core.codes import CODES
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.core.pages import page
from policyc.core.source import Span

_LONGEST_LINE = 200
_CONTEXT = 40
"""Code points of a line that are shown, and of those at most before the place."""
_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}


def render_text(diagnostics: Iterable[Diagnostic], *, color: bool) -> str:
    """The findings as compilers print them, each followed by an empty line.

    What a terminal would obey or hide is written out: messages quote recordings and
    file names, which nobody reviewed.
    """
    return "".join(_text(d, color=color) + "\n" for d in diagnostics)


def _text(diagnostic: Diagnostic, *, color: bool) -> str:
    severity = diagnostic.severity
    head = _paint(f"{severity.value}[{diagnostic.code}]", _COLORS[severity], color=color)
    rows = [f"{head}: {visible(diagnostic.message)}"]
    if diagnostic.span is not None:
        rows += _excerpt(diagnostic.span, "^")
    elif diagnostic.path:
        rows.append(f"  --> {visible(diagnostic.path)}")
    for related in diagnostic.related:
        rows.append(
            f"  {_paint('note', _COLORS[Severity.NOTE], color=color)}: {visible(related.message)}"
        )
        rows += _excerpt(related.span, "-")
    if diagnostic.help:
        rows.append(f"  {_paint('help', '32', color=color)}: {visible(diagnostic.help)}")
    return "\n".join(rows) + "\n"


def _paint(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[1;{code}m{text}\x1b[0m" if color else text


def _excerpt(span: Span, mark: str) -> list[str]:
    """The first line of the place, underlined as far as the place goes on it."""
    begin, finish = span.begin, span.finish
    line = span.source.line(begin.line)
    gutter = str(begin.line)
    end = finish.column - 1 if finish.line == begin.line else len(line)
    shown, at, end = _window(line, begin.column - 1, max(end, begin.column))
    before, inside = shown[:at], shown[at:end]
    pad = "".join("\t" if c == "\t" else " " * _width(c) for c in before)
    marks = mark * max(1, sum(_width(c) for c in inside))
    blank = " " * len(gutter)
    return [
        f"  {blank}--> {visible(span.label())}",
        f"  {blank} |",
        f"  {gutter} | {visible(shown)}",
        f"  {blank} | {pad}{marks}",
    ]


def _window(line: str, start: int, end: int) -> tuple[str, int, int]:
    """A long line cut to what is around the place, and where the place is in what is left."""
    if len(line) <= _LONGEST_LINE:
        return line, start, end
    first = max(0, start - _CONTEXT)
    last = min(len(line), first + _LONGEST_LINE)
    before = "..." if first else ""
    after = "..." if last < len(line) else ""
    moved = len(before) - first
    return before + line[first:last] + after, start + moved, min(end, last) + moved


def _width(character: str) -> int:
    """Columns on a terminal; a character that is made visible takes those of its escape."""
    if _is_hidden(character):
        return len(_escaped(character))
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def visible(line: str) -> str:
    """The line with what a terminal would obey or hide written out: names may come from whoever was recorded."""
    return "".join(_escaped(c) if _is_hidden(c) else c for c in line)


def _is_hidden(character: str) -> bool:
    return character != "\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    return f"<U+{ord(character):04X}>"


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """``{"diagnostics": [...]}``; docs/reference/output.md gives the shape."""
    return pretty_json({"diagnostics": as_json(diagnostics)}).decode()


def as_json(diagnostics: Iterable[Diagnostic]) -> list[Json]:
    """The findings as documents of another kind hold them."""
    return [
        {
            "code": d.code,
            "severity": d.severity.value,
            "message": d.message,
            "help": d.help,
            "place": _place(d),
            "related": [{"message": r.message, "place": _span(r.span)} for r in d.related],
        }
        for d in diagnostics
    ]


def _place(diagnostic: Diagnostic) -> Json:
    if diagnostic.span is not None:
        return _span(diagnostic.span)
    return {"path": diagnostic.path} if diagnostic.path else None


def _span(span: Span) -> Json:
    begin, finish = span.begin, span.finish
    return {
        "path": span.path,
        "line": begin.line,
        "column": begin.column,
        "endLine": finish.line,
        "endColumn": finish.column,
    }


def render_sarif(diagnostics: Sequence[Diagnostic], *, version: str, root: str = "") -> str:
    """A SARIF 2.1.0 log (OASIS, 2020-03-27) with one run; columns are code points.

    ``root`` is the folder that the paths are below, as seen from the repository: viewers
    look for files from there.
    """
    codes = sorted({d.code for d in diagnostics})
    run: dict[str, Json] = {
        "tool": {
            "driver": {
                "name": "policyc",
                "version": version,
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, codes.index(d.code), root) for d in diagnostics],
    }
    return pretty_json(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
    ).decode()


def _rule(code: str) -> Json:
    """What a viewer shows beside a finding; it renders the Markdown where it can."""
    text = page(code)
    return {
        "id": code,
        "shortDescription": {"text": CODES[code]},
        "help": {"text": text, "markdown": text},
    }


def _result(diagnostic: Diagnostic, rule: int, root: str) -> Json:
    text = diagnostic.message + (f"; help: {diagnostic.help}" if diagnostic.help else "")
    result: dict[str, Json] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity.value,
        "message": {"text": text},
    }
    if diagnostic.file:
        place = _physical(root + diagnostic.file, diagnostic.span)
        result["locations"] = [{"physicalLocation": place}]
    if diagnostic.related:
        result["relatedLocations"] = [
            {
                "id": i,
                "physicalLocation": _physical(root + r.span.path, r.span),
                "message": {"text": r.message},
            }
            for i, r in enumerate(diagnostic.related)
        ]
    return result


def _physical(path: str, span: Span | None) -> Json:
    location: dict[str, Json] = {"artifactLocation": {"uri": quote(path)}}
    if span is not None:
        begin, finish = span.begin, span.finish
        location["region"] = {
            "startLine": begin.line,
            "startColumn": begin.column,
            "endLine": finish.line,
            "endColumn": finish.column,
        }
    return location
