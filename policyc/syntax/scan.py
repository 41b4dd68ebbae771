"""The shape of a file without its grammar: statements, blocks, comments, strings.

Recovery uses it to judge each statement by itself, the formatter to move lines
without touching what is in them.  It accepts every text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from policyc.syntax.contexts import BLOCKS, STARTS, block_of


class Kind(StrEnum):
    WORD = "word"
    STRING = "string"
    COMMENT = "comment"
    NEWLINE = "newline"
    OPEN = "{"
    CLOSE = "}"
    LEFT = "("
    RIGHT = ")"
    COMMA = ","
    COLON = ":"
    OPERATOR = "operator"
    BAD_STRING = "unterminated string"
    BAD = "stray character"


class Lexeme(NamedTuple):
    """One piece of the text; spaces and tabs between pieces are not kept.

    A tuple, which takes a third of the time to make: a file has thousands.
    """

    kind: Kind
    text: str
    start: int
    end: int


_PIECES = re.compile(
    r"""
      (?P<NEWLINE>\r?\n)
    | (?P<COMMENT>\#[^\n]*)
    | (?P<STRING>"(?:[^"\\\n]|\\.)*")
    | (?P<BAD_STRING>"[^\n{]*)
    | (?P<WORD>[A-Za-z0-9_*/.\[\]@+$%-](?:[A-Za-z0-9_*/.:@=+$%-]*[A-Za-z0-9_*/.@=+$%-])?)
    | (?P<OPERATOR>[<>=!]=?)
    | (?P<OPEN>\{) | (?P<CLOSE>\}) | (?P<LEFT>\() | (?P<RIGHT>\)) | (?P<COMMA>,)
    | (?P<COLON>:+)
    | (?P<BAD>[^\s])
    """,
    re.VERBOSE,
)
_KINDS = dict(Kind.__members__)


def scan(text: str) -> list[Lexeme]:
    """Every piece of the text, in order; what fits nowhere is ``Kind.BAD``."""
    return [
        Lexeme(_KINDS[match.lastgroup], match.group(), *match.span())
        for match in _PIECES.finditer(text)
        if match.lastgroup
    ]


@dataclass(slots=True)
class Statement:
    """A line of meaning: its pieces without comments, and the block it opens, if any."""

    lexemes: list[Lexeme]
    body: list[Statement] | None = None
    close: Lexeme | None = None

    @property
    def start(self) -> int:
        return self.lexemes[0].start

    @property
    def end(self) -> int:
        """The end of the statement's own line: of the ``{`` when it opens a block."""
        return self.lexemes[-1].end

    @property
    def head(self) -> str:
        return self.lexemes[0].text


@dataclass(slots=True)
class Outline:
    """The statements of a file, and what is wrong with its braces."""

    statements: list[Statement] = field(default_factory=list)
    unclosed: list[Statement] = field(default_factory=list)
    stray: list[Lexeme] = field(default_factory=list)


class _Outliner:
    """Finds blocks; where braces do not balance, keywords tell where one is missing or too many."""

    def __init__(self, text: str) -> None:
        self.pieces = _settled(scan(text))
        opens = sum(p.kind is Kind.OPEN for p in self.pieces)
        closes = sum(p.kind is Kind.CLOSE for p in self.pieces)
        self.missing_closes = max(0, opens - closes)
        self.missing_opens = max(0, closes - opens)
        self.result = Outline()
        self.levels: list[tuple[Statement | None, str, list[Statement]]] = [
            (None, "file", self.result.statements)
        ]
        self.open_blocks = Counter(["file"])
        self.line: list[Lexeme] = []
        self.depth = 0

    def run(self) -> Outline:
        for at, piece in enumerate(self.pieces):
            match piece.kind:
                case Kind.COMMENT:
                    continue
                case Kind.NEWLINE:
                    if not _goes_on(self.line, self.depth, self.pieces, at):
                        self.finish()
                case Kind.OPEN:
                    self.line.append(piece)
                    self.open()
                case Kind.CLOSE:
                    self.finish()
                    self.close(piece, at)
                case _:
                    self.depth += (piece.kind is Kind.LEFT) - (piece.kind is Kind.RIGHT)
                    self.line.append(piece)
        self.finish()
        self.result.unclosed += [owner for owner, _, _ in self.levels if owner is not None]
        return self.result

    def finish(self) -> None:
        """The line in hand is a statement."""
        if not self.line:
            return
        self.leave_unclosed()
        head = self.line[0].text
        if self.missing_opens and head in BLOCKS[self.levels[-1][1]]:
            self.missing_opens -= 1
            self.open()
            return
        self.levels[-1][2].append(Statement(self.line))
        self.line, self.depth = [], 0

    def open(self) -> None:
        self.leave_unclosed()
        body: list[Statement] = []
        opened = Statement(self.line, body)
        self.levels[-1][2].append(opened)
        inside = block_of(self.levels[-1][1], opened.head)
        self.levels.append((opened, inside, body))
        self.open_blocks[inside] += 1
        self.line, self.depth = [], 0

    def close(self, piece: Lexeme, at: int) -> None:
        owner, inside, _ = self.levels[-1]
        if owner is None or (self.missing_opens and self._is_inside_still(inside, at)):
            self.result.stray.append(piece)
            self.missing_opens = max(0, self.missing_opens - 1)
            return
        owner.close = piece
        self.leave()

    def _is_inside_still(self, inside: str, at: int) -> bool:
        """Whether the statement behind a brace belongs into the block that it would close."""
        skipped = (Kind.NEWLINE, Kind.COMMENT)
        later = (self.pieces[i] for i in range(at + 1, len(self.pieces)))
        following = next((p for p in later if p.kind not in skipped), None)
        if following is None or following.kind is not Kind.WORD:
            return False
        parent = self.levels[-2][1]
        return following.text in STARTS[inside] and following.text not in STARTS[parent]

    def leave_unclosed(self) -> None:
        """With a brace missing, a keyword that only an outer block knows ends the inner ones."""
        if not self.missing_closes:
            return
        head = self.line[0].text
        # Asked of the kinds of blocks first: a file of 10,000 open blocks has few kinds of them.
        if not any(
            head in STARTS.get(kind, ()) for kind in self.open_blocks if self.open_blocks[kind]
        ):
            return
        ended: list[Statement] = []
        while head not in STARTS.get(self.levels[-1][1], ()):
            owner = self.leave()
            assert owner is not None, (
                "the level of the file is asked last, and is one of those that know"
            )
            ended.append(owner)
        self.result.unclosed += reversed(ended)
        self.missing_closes -= len(ended)

    def leave(self) -> Statement | None:
        """The innermost block has ended: its statement."""
        owner, inside, _ = self.levels.pop()
        self.open_blocks[inside] -= 1
        return owner


_OPENERS = frozenset(word for inner in BLOCKS.values() for word in inner)
_PLAIN = frozenset(word for words in STARTS.values() for word in words) - _OPENERS


def _settled(pieces: list[Lexeme]) -> list[Lexeme]:
    """Braces that cannot be a block's, where they stand, become stray characters of their line.

    A block opens at the end of a line whose statement has blocks, and closes on a
    line of its own; or it does both on one line.
    """
    out: list[Lexeme] = []
    line: list[Lexeme] = []
    for piece in [*pieces, Lexeme(Kind.NEWLINE, "", 0, 0)]:
        if piece.kind is Kind.NEWLINE:
            out += _settled_line(line)
            out.append(piece)
            line = []
        else:
            line.append(piece)
    return out[:-1]


def _settled_line(line: list[Lexeme]) -> list[Lexeme]:
    words = [p for p in line if p.kind is not Kind.COMMENT]
    closes = 0
    while closes < len(words) and words[-1 - closes].kind is Kind.CLOSE:
        closes += 1
    opens = [p for p in words if p.kind is Kind.OPEN]
    kept: set[Lexeme] = set()
    if closes == len(words):
        kept.update(words)
    elif words[0].text not in _PLAIN or words[0].text == "window":
        inner = words[: len(words) - closes]
        if inner[-1].kind is Kind.OPEN and not closes:
            kept.add(inner[-1])
        elif closes and opens:
            kept.update(opens[:closes])
            kept.update(words[len(words) - min(closes, len(opens)) :])
    return [
        Lexeme(Kind.BAD, p.text, p.start, p.end)
        if p.kind in (Kind.OPEN, Kind.CLOSE) and p not in kept
        else p
        for p in line
    ]


def outline(text: str) -> Outline:
    """The nesting of statements; linear in the text, without recursion."""
    return _Outliner(text).run()


def _goes_on(line: list[Lexeme], depth: int, pieces: list[Lexeme], at: int) -> bool:
    """Whether the statement goes on in the next line: after a comma, or inside parentheses.

    An open parenthesis does not swallow the rest of the file: it reaches no further
    than a line that closes it or goes on with a comma.
    """
    if not line or line[0].text in _OPENERS:  # what opens a block holds no list
        return False
    if line[-1].kind is Kind.COMMA:
        return True
    if depth <= 0:
        return False
    following = next((p for p in pieces[at:] if p.kind not in (Kind.NEWLINE, Kind.COMMENT)), None)
    if line[-1].kind is Kind.LEFT:
        return following is not None
    return following is not None and following.kind in (Kind.RIGHT, Kind.COMMA)
