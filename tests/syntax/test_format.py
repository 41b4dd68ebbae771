"""The formatter: no change of meaning, no lost or moved comment, stable."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from support.samples import samples

from policyc.core.source import Source
from policyc.syntax.format import format_source
from policyc.syntax.parser import parse
from policyc.syntax.scan import Kind, Lexeme, scan

LAYOUTS = 10_000
CHUNKS = 8


def relaid(rng: random.Random, pieces: Sequence[Lexeme]) -> str:
    """The same words in another layout: spaces, empty lines, comments, wraps, line ends."""
    out: list[str] = []
    depth = 0
    for i, piece in enumerate(pieces):
        depth += (piece.kind is Kind.LEFT) - (piece.kind is Kind.RIGHT)
        following = pieces[i + 1] if i + 1 < len(pieces) else None
        if piece.kind is Kind.NEWLINE:
            if rng.random() < 0.15:
                out.append(f"{rng.choice(('', '  '))}# note {rng.randrange(99)} ü")
            out.append(rng.choice(("\n", "\n", "\r\n")) * rng.choice((1, 1, 2, 4)))
            out.append(" " * rng.randrange(4))
            continue
        out.append(piece.text)
        if following is None or following.kind is Kind.NEWLINE:
            continue
        touching = piece.end == following.start
        if piece.kind is Kind.COMMA or (piece.kind is Kind.LEFT and depth):
            if rng.random() < 0.2 and following.kind is not Kind.COMMENT:
                out.append(rng.choice(("", " # in a list")) + "\n" + " " * rng.randrange(6))
            else:
                out.append(" " * rng.randrange(3))
        elif touching:
            continue
        else:
            out.append(rng.choice((" ", "  ", "\t")))
    return "".join(out)


def comments(pieces: Sequence[Lexeme]) -> list[tuple[int, str]]:
    """Each comment with the number of words before it."""
    found, words = [], 0
    for piece in pieces:
        if piece.kind is Kind.COMMENT:
            found.append((words, piece.text.rstrip()))
        elif piece.kind is not Kind.NEWLINE:
            words += 1
    return found


def words(pieces: Sequence[Lexeme]) -> list[str]:
    return [p.text for p in pieces if p.kind not in (Kind.NEWLINE, Kind.COMMENT)]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_layouts(chunk: int) -> None:
    rng = random.Random(chunk)
    texts = [scan(text) for text in samples()[1:]]
    for _ in range(LAYOUTS // CHUNKS):
        text = relaid(rng, rng.choice(texts))
        source = Source("x.agentpol", text)
        outcome = format_source(source)
        assert outcome.diagnostics == [], (outcome.diagnostics[0].message, text)
        result = outcome.value
        before, after = scan(text), scan(result)
        assert comments(after) == comments(before)
        assert words(after) == words(before)
        assert format_source(Source("x.agentpol", result)).value == result


def test_all_layouts_of_a_file_are_formatted_alike() -> None:
    rng = random.Random(5)
    for text in samples():
        tree = parse(Source("x.agentpol", text)).value
        formatted = format_source(Source("x.agentpol", relaid(rng, scan(text)))).value
        assert parse(Source("x.agentpol", formatted)).value == tree


def test_the_examples_are_formatted() -> None:
    for text in samples():
        assert format_source(Source("x.agentpol", text)).value == text


@pytest.mark.parametrize("text", ["edition 2026\nclass a {\n", "edition 2026\nclas a {\n}\n", "x"])
def test_a_file_with_errors_is_left_as_it_is(text: str) -> None:
    outcome = format_source(Source("x.agentpol", text))
    assert outcome.value == text
    assert not outcome.ok
