"""Source texts and places in them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


class Source:
    """A text with a name: the path below the policy root, with forward slashes."""

    __slots__ = ("__dict__", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        starts = [0]
        find = self.text.find
        at = find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = find("\n", at + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        """The 1-based line and column (in code points) of a 0-based offset."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of the 1-based line ``number``, without its end."""
        starts = self._line_starts
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")

    def span(self, start: int, end: int) -> Span:
        """The place from ``start`` up to, not including, ``end`` (0-based offsets)."""
        return Span(self, start, end)

    def __repr__(self) -> str:
        return f"Source({self.path!r})"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A 1-based line and a 1-based column in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of a source.

    Spans sit in syntax trees as ``field(compare=False)``: two trees are equal
    when they say the same, wherever they say it.
    """

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def begin(self) -> Position:
        return self.source.position(self.start)

    @property
    def finish(self) -> Position:
        return self.source.position(self.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The smallest span of the same source that covers both."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    def label(self) -> str:
        """``path:line:column``, as compilers print it."""
        begin = self.begin
        return f"{self.path}:{begin.line}:{begin.column}"

    @property
    def sort_key(self) -> tuple[str, int, int]:
        return (self.path, self.start, self.end)
