"""Text to tree: one pass when the text is right, statement by statement when it is not.

A text with errors is taken apart into statements, each is parsed by itself in its
block, and each wrong one gives one diagnostic; the tree is built from the others.
So one error hides no other, and none is reported twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from policyc.core.diagnostics import Diagnostic, Outcome, Related, in_order
from policyc.core.source import Source
from policyc.syntax import messages, nodes
from policyc.syntax.build import Builder
from policyc.syntax.contexts import HEADS, STARTS, block_of
from policyc.syntax.lalr import END, Failure, Reduce, tables
from policyc.syntax.lalr import parse as run
from policyc.syntax.scan import Kind, Statement, outline

EDITIONS = ("2026",)


def parse(source: Source) -> Outcome[nodes.File]:
    """The tree of a file, and all its syntax errors; never raises, whatever the text."""
    found = list(_characters(source))
    file: nodes.File | None = None
    if not found:
        file = _try(source, source.text)
    if file is None:
        odd = [d.span.start for d in found if d.span is not None]
        errors, blanked = _recover(source, odd)
        found += errors
        file = _try(source, blanked) or nodes.File(None, (), (), span=source.span(0, 0))
    if not any(d.code in ("PC1002", "PC1003") and _is_edition(d) for d in found):
        found += _edition(source, file)
    return Outcome(file, in_order(found))


def _try(source: Source, text: str) -> nodes.File | None:
    try:
        tree: nodes.File = run(text, Builder(source).reducers)
    except Failure:
        return None
    return tree


# -- characters ------------------------------------------------------------------

_ODD = re.compile(r"[^\n\r\t -~]|\r(?!\n)")


def _characters(source: Source) -> Iterator[Diagnostic]:
    """Characters that show a reader something else than what the compiler reads."""
    if not _ODD.search(source.text):
        return
    quoted = [
        (m.start(), m.end()) for m in re.finditer(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*', source.text)
    ]
    for match in _ODD.finditer(source.text):
        character, at = match.group(), match.start()
        category = unicodedata.category(character)
        name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
        span = source.span(at, at + 1)
        if category in ("Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp") or character == "\r":
            yield Diagnostic(
                "PC1009",
                f"an invisible or control character (U+{ord(character):04X}, {name})",
                span,
                help="remove it: it can make the text look other than it is",
            )
        elif not any(start <= at < end for start, end in quoted):
            yield Diagnostic(
                "PC1010",
                f"`{character}` ({name}) stands outside of quotes and comments",
                span,
                help="names are written in ASCII: this character may look like another one",
            )


# -- edition ---------------------------------------------------------------------


def _is_edition(diagnostic: Diagnostic) -> bool:
    span = diagnostic.span
    return span is not None and "edition" in span.source.line(span.begin.line)


_NO_STATEMENT = re.compile(r"(?:\s|#[^\n]*)*")


def _edition(source: Source, file: nodes.File) -> Iterator[Diagnostic]:
    if file.edition is None:
        first = _first(source)
        if first is None or not first.head.startswith("edit"):
            yield Diagnostic(
                "PC1011",
                "the file names no edition of the language",
                source.span(0, 0) if first is None else source.span(first.start, first.end),
                help=f"begin the file with `edition {EDITIONS[-1]}`",
            )
        return
    year = file.edition.year
    if year.text not in EDITIONS:
        yield Diagnostic(
            "PC1012",
            f"edition {year.text} is not known to this compiler",
            year.span,
            help=f"this compiler reads edition {', '.join(EDITIONS)}; a newer edition needs a newer policyc",
        )
    if _NO_STATEMENT.fullmatch(source.text, 0, file.edition.span.start):
        return
    first = _first(source)
    if first is not None and first.start != file.edition.span.start:
        yield Diagnostic(
            "PC1013",
            "the edition is not the first statement",
            file.edition.span,
            (Related(source.span(first.start, first.end), "this stands before it"),),
            help="move the `edition` line to the top",
        )


def _first(source: Source) -> Statement | None:
    return next(iter(outline(source.text).statements), None)


# -- recovery ----------------------------------------------------------------------


def _recover(source: Source, odd: list[int]) -> tuple[list[Diagnostic], str]:
    """Every error of the text, and the text with the wrong statements blanked out.

    A statement with a character at one of the offsets ``odd`` has its diagnostic already.
    """
    shape = outline(source.text)
    found: list[Diagnostic] = []
    blanks: list[tuple[int, int]] = []
    for owner in shape.unclosed:
        opening = owner.lexemes[-1]
        found.append(
            Diagnostic(
                "PC1007",
                f"the block of `{owner.head}` is not closed",
                source.span(owner.start, opening.end),
                help="add `}` on a line of its own where the block ends",
            )
        )
    for piece in shape.stray:
        found.append(
            Diagnostic(
                "PC1008",
                "this `}` closes nothing",
                source.span(piece.start, piece.end),
                help="remove it, or look for a `{` that is missing above",
            )
        )
        blanks.append((piece.start, piece.end))
    pending = [(statement, "file") for statement in reversed(shape.statements)]
    while pending:
        statement, block = pending.pop()
        error = _judge(source, statement, block)
        if error is not None:
            if not any(statement.start <= offset < statement.end for offset in odd):
                found.append(error)
            last = _last_offset(statement)
            blanks.append((statement.start, last))
        if statement.body:
            inner = block_of(block, statement.head, [child.head for child in statement.body])
            if inner != "unknown":
                pending += [(child, inner) for child in reversed(statement.body)]
    return found, _blanked(source.text, blanks)


def _last_offset(statement: Statement) -> int:
    """The end of a statement with all that is in its block."""
    while statement.body is not None:
        if statement.close is not None:
            return statement.close.end
        if not statement.body:
            break
        statement = statement.body[-1]
    return statement.end


def _blanked(text: str, blanks: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(blanks):
        if end <= done:
            continue
        begin = max(start, done)
        parts.append(text[done:begin])
        parts.append("".join(c if c in "\r\n" else " " for c in text[begin:end]))
        done = end
    parts.append(text[done:])
    return "".join(parts)


def _judge(source: Source, statement: Statement, block: str) -> Diagnostic | None:
    """The first error of one statement's own line, if any."""
    for piece in statement.lexemes:
        if piece.kind is Kind.BAD_STRING:
            return Diagnostic(
                "PC1005",
                "the text is not closed on its line",
                source.span(piece.start, piece.end),
                help='add the closing `"`; a quote inside a text is written `\\"`',
            )
        if piece.kind is Kind.BAD and piece.text.isascii():
            return Diagnostic(
                "PC1006",
                f"`{piece.text}` has no meaning here",
                source.span(piece.start, piece.end),
                help="remove it, or put the text in double quotes",
            )
    if block == "unknown":
        return None
    if statement.head not in STARTS[block]:
        return messages.unknown_statement(source, statement, block)
    return _parsed_alone(source, statement, block)


def _parsed_alone(source: Source, statement: Statement, block: str) -> Diagnostic | None:
    own = source.text[statement.start : statement.end]
    found = _misfit(own, block, opens=statement.lexemes[-1].kind is Kind.OPEN)
    if found is None:
        return None
    offset, expected = found
    return messages.misfit(source, statement, statement.start + offset, expected)


@lru_cache(maxsize=1 << 10)
def _misfit(own: str, block: str, *, opens: bool) -> tuple[int, tuple[str, ...]] | None:
    """Parses a statement's own text behind lines that lead into its block.

    Its first misfit, and what could stand there.  Who corrects a file has most of its
    statements judged again and again.
    """
    lead = "".join(f"{line}\n" for line in HEADS[block])
    closing = "\n}" * (opens + len(HEADS[block]))
    try:
        run(f"{lead}{own}{closing}\n", _NOTHING)
    except Failure as failure:
        return failure.offset - len(lead), tuple(_expected(failure))
    return None


class _Nothing(dict[str, Reduce]):
    """Reducers that build nothing: to ask whether a text fits."""

    def __missing__(self, key: str) -> Reduce:
        return _no_node


def _no_node(children: list[object]) -> None:
    del children


_NOTHING = _Nothing()


def _expected(failure: Failure) -> list[str]:
    """The terminals that could really stand there: those that lead to a shift."""
    table = tables()

    def fits(terminal: str) -> bool:
        stack = list(failure.stack)
        while True:
            action = table.states[stack[-1]].actions.get(terminal)
            if action is None:
                return False
            if action > 0:
                return True
            rule = table.rules[-action - 1]
            if rule.length:
                del stack[-rule.length :]
            stack.append(table.states[stack[-1]].gotos[rule.origin])
            if stack[-1] == table.accept:
                return terminal == END

    return [t for t in [*table.terminals, END] if fits(t)]
