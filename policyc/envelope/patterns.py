"""Texts to patterns and back: ``abc`` is one text, ``abc*`` a prefix, ``!`` takes out.

The written form of a set of texts is a list of patterns, general ones first: of the
patterns that cover a text, the last one decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CHARACTERS = 0x110000
_TOP_CHARACTER = chr(_CHARACTERS - 1)


def cone_end(prefix: str) -> str | None:
    """The least text after all that begin with ``prefix``; None when there is none."""
    stem = prefix.rstrip(_TOP_CHARACTER)
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None


def escape(text: str) -> str:
    """The pattern that stands for this text only."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if text.endswith("*"):
        text = text[:-1] + "\\*"
    return "\\" + text if text.startswith("!") else text


def unescape(pattern: str) -> tuple[str, bool]:
    """The text of a pattern, and whether it stands for all that begin with it."""
    if "\\" not in pattern:
        return (pattern[:-1], True) if pattern.endswith("*") else (pattern, False)
    out: list[str] = []
    characters = iter(range(len(pattern)))
    for i in characters:
        if pattern[i] == "\\" and i + 1 < len(pattern):
            out.append(pattern[next(characters)])
        elif pattern[i] == "*" and i + 1 == len(pattern):
            return "".join(out), True
        else:
            out.append(pattern[i])
    return "".join(out), False


def text_patterns(cuts: Sequence[str], *, inside: bool) -> list[str]:
    """Patterns for the texts between the cuts, at each of which membership flips.

    ``inside`` says whether the empty text is a member.  Nearly every set that people
    write is single texts and whole prefixes: those are read off the segments.  Only
    what differences and neighbouring prefixes leave needs the trie.
    """
    simple: list[str] = []
    edges: list[str | None] = [*([""] if inside else []), *cuts, None]
    for first, end in zip(edges[::2], edges[1::2], strict=False):
        assert first is not None
        if end == first + "\0":
            simple.append(escape(first))
        elif end == cone_end(first):
            simple.append(escape(first) + "*")
        else:
            return list(_trie_patterns(cuts, inside=inside))
    return simple


@dataclass(frozen=True, slots=True)
class _Cone:
    """The texts that begin with ``prefix``, to be written against what a shorter pattern said.

    ``low`` and ``high`` delimit the cuts strictly inside; ``inside`` is the membership
    of ``prefix`` itself, ``inherited`` what the patterns so far say of all of it.
    """

    prefix: str
    low: int
    high: int
    inside: bool
    inherited: bool


def _trie_patterns(cuts: Sequence[str], *, inside: bool) -> Iterator[str]:
    """At each prefix the answer for most next characters, then the others one by one."""
    stack = [_Cone("", 0, len(cuts), inside, inherited=False)]
    while stack:
        cone = stack.pop()
        runs, nested = _characters(cuts, cone)
        weight = sum(end - first if member else first - end for first, end, member in runs)
        default = cone.inherited if weight == 0 else weight > 0
        if default != cone.inherited:
            yield _signed(escape(cone.prefix) + "*", default)
        if cone.inside != default:
            yield _signed(escape(cone.prefix), cone.inside)
        for first, end, member in runs:
            if member != default:
                for code in range(first, end):
                    yield _signed(escape(cone.prefix + chr(code)) + "*", member)
        stack += [
            _Cone(cone.prefix + character, low, high, member, default)
            for character, low, high, member in reversed(nested)
        ]


_Runs = list[tuple[int, int, bool]]
"""First code point, end, and the membership of all texts that go on with one of them."""

_Nested = list[tuple[str, int, int, bool]]
"""A character, the cuts strictly inside its cone, and the membership at its beginning."""


def _characters(cuts: Sequence[str], cone: _Cone) -> tuple[_Runs, _Nested]:
    """What follows the prefix: runs of characters that are alike, and those with cuts inside."""
    runs: _Runs = []
    nested: _Nested = []
    depth = len(cone.prefix)
    at, member, i = 0, cone.inside, cone.low
    while i < cone.high:
        character = cuts[i][depth]
        if ord(character) > at:
            runs.append((at, ord(character), member))
            at = ord(character)
        if len(cuts[i]) == depth + 1:
            member = not member
            i += 1
        start = i
        while i < cone.high and cuts[i][depth] == character:
            i += 1
        if i > start:
            nested.append((character, start, i, member))
            member ^= bool((i - start) % 2)
            at += 1
    if at < _CHARACTERS:
        runs.append((at, _CHARACTERS, member))
    return runs, nested


def _signed(pattern: str, inside: bool) -> str:
    return pattern if inside else "!" + pattern
