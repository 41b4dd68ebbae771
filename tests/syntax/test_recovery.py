"""One file reports all its errors, each once, and nothing makes the parser raise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.samples import samples

from policyc.core.source import Source
from policyc.syntax.lalr import Failure, parse
from policyc.syntax.parser import _NOTHING
from policyc.syntax.parser import parse as parse_file
from policyc.syntax.scan import Kind, Statement, outline

CORRUPTIONS = 10_000
CHUNKS = 8


def fits(text: str) -> bool:
    try:
        parse(text, _NOTHING)
    except Failure:
        return False
    return True


def flat(statements: list[Statement]) -> list[Statement]:
    out: list[Statement] = []
    for statement in statements:
        out.append(statement)
        out += flat(statement.body or [])
    return out


def corrupted(
    rng: random.Random, text: str, spans: list[tuple[int, int]]
) -> tuple[int, int, str] | None:
    """One edit inside one statement that by itself makes the text wrong."""
    start, end = rng.choice(spans)
    for _ in range(6):
        at = rng.randrange(start, end)
        kind = rng.randrange(4)
        if kind == 0:
            edit = (at, at + 1, "")
        elif kind == 1:
            edit = (at, at, rng.choice('abz19",:{}()<=%;'))
        elif kind == 2:
            edit = (at, at + 1, rng.choice('abz19",:{}()<=%;'))
        else:
            words = text[start:end].split(" ")
            if len(words) < 2:
                continue
            gone = rng.randrange(len(words))
            offset = start + sum(len(w) + 1 for w in words[:gone])
            edit = (offset, min(offset + len(words[gone]) + 1, end), "")
        a, b, new = edit
        if text[a:b] != new and not fits(text[:a] + new + text[b:]):
            return edit
    return None


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_k_wrong_statements_are_k_diagnostics(chunk: int) -> None:
    rng = random.Random(2026 + chunk)
    texts = samples()
    exact = wrong = 0
    missed: list[str] = []
    outlines = [
        [
            (s.start, s.end)
            for s in flat(outline(text).statements)
            if "\n" not in text[s.start : s.end] and s.head != "edition"
        ]
        for text in texts
    ]
    while exact + wrong < CORRUPTIONS // CHUNKS:
        i = rng.randrange(len(texts))
        text, spans = texts[i], outlines[i]
        k = rng.choice((1, 1, 1, 2, 3))
        chosen = rng.sample(spans, min(k, len(spans)))
        edits = [e for span in chosen if (e := corrupted(rng, text, [span])) is not None]
        if not edits:
            continue
        changed = text
        for a, b, new in sorted(edits, reverse=True):
            changed = changed[:a] + new + changed[b:]
        found = parse_file(Source("x.agentpol", changed)).diagnostics
        if len(found) == len(edits):
            exact += 1
        else:
            wrong += 1
            missed.append(
                f"{len(edits)} edits {[(text[max(0, a - 20) : a], text[a:b], new) for a, b, new in edits]}: {[d.message for d in found]}"
            )
    assert exact / (exact + wrong) >= 0.99, (exact, wrong, missed[:12])


@settings(max_examples=settings.default.max_examples * 3)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_answered(text: str) -> None:
    parse_file(Source("x.agentpol", text))


@settings(max_examples=settings.default.max_examples * 3)
@given(
    st.lists(
        st.sampled_from(
            [
                "edition 2026\n",
                "class a {\n",
                "}\n",
                "{",
                "}",
                "(",
                ")",
                ",",
                "\n",
                '"',
                "cap {",
                "egress",
                " tcp",
                " 443",
                " to",
                " host",
                " x.y",
                "#c\n",
                "agent",
                " is",
                "\r\n",
                "\t",
                "\x00",
                "é",
                "\u202e",
                "tool a: b\n",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_any_mix_of_pieces_is_answered(text: str) -> None:
    outcome = parse_file(Source("x.agentpol", text))
    assert outcome.ok == (not outcome.diagnostics)


def test_deep_nesting_is_answered() -> None:
    for piece in ("{", "(", "class a {\n", "cap {\n", '"', "}"):
        assert not parse_file(Source("x.agentpol", "edition 2026\n" + piece * 10_000)).ok


def test_outline_loses_no_word() -> None:
    for text in samples():
        words = [piece.text for s in flat(outline(text).statements) for piece in s.lexemes]
        assert len(words) > 5
        assert not outline(text).stray
        assert all(
            piece.kind is not Kind.BAD
            for s in flat(outline(text).statements)
            for piece in s.lexemes
        )
