"""The compiled tables are Lark's own, and our driver reads them as Lark does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput
from support.samples import EVERYTHING, samples

import grammar
from grammar.__main__ import compiled
from policyc.core.source import Source
from policyc.syntax import nodes
from policyc.syntax.contexts import HEADS, STARTS
from policyc.syntax.lalr import Failure, parse, tables
from policyc.syntax.messages import WORDS, keyword
from policyc.syntax.parser import _NOTHING, _expected
from policyc.syntax.parser import parse as parse_file

FOLDER = Path(grammar.__path__[0])


def test_the_tables_are_compiled_from_the_grammar() -> None:
    """Also the proof that the grammar is LALR(1) without any conflict: Lark is strict."""
    assert (FOLDER / "agentpol.json").read_text(encoding="utf-8") == compiled()


@pytest.fixture(scope="module")
def lark() -> Lark:
    text = (FOLDER / "agentpol.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", start="file", maybe_placeholders=False)


def fits(text: str) -> bool:
    try:
        parse(text, _NOTHING)
    except Failure:
        return False
    return True


def test_our_driver_accepts_what_lark_accepts(lark: Lark) -> None:
    rng = random.Random(7)
    texts = samples()
    for text in texts:
        assert fits(text)
        lark.parse(text)
    for _ in range(300):
        text = rng.choice(texts)
        at = rng.randrange(len(text))
        changed = text[:at] + rng.choice('x"{},:1 \n') + text[at + rng.randint(0, 2) :]
        try:
            lark.parse(changed)
            verdict = True
        except UnexpectedInput:
            verdict = False
        assert fits(changed) == verdict, changed[max(0, at - 40) : at + 40]


def test_every_rule_is_used_by_the_samples() -> None:
    reached: set[str] = set()

    class Spy(dict[str, object]):
        def __missing__(self, key: str) -> object:
            reached.add(key)
            return lambda children: None

    parse(EVERYTHING.read_text(encoding="utf-8"), Spy())  # type: ignore[arg-type]
    assert {r.name for r in tables().rules if not r.is_inlined} - {"file"} <= reached | {"file"}


def test_every_node_class_is_made_by_the_samples() -> None:
    tree = parse_file(Source("x", EVERYTHING.read_text(encoding="utf-8"))).value
    made: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, nodes.Node):
            made.add(type(value).__name__)
            for name in value.__dataclass_fields__:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    walk(tree)
    every = {
        name
        for name, item in vars(nodes).items()
        if isinstance(item, type) and issubclass(item, nodes.Node) and item is not nodes.Node
    }
    assert made == every


def test_spans_are_where_the_text_is() -> None:
    source = Source("x", EVERYTHING.read_text(encoding="utf-8"))

    def walk(value: object) -> None:
        if isinstance(value, nodes.Node):
            assert 0 <= value.span.start <= value.span.end <= len(source.text)
            if isinstance(value, nodes.Word) and type(value) is nodes.Word:
                assert value.text.split() == value.span.text.split()
            for name in value.__dataclass_fields__:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    walk(parse_file(source).value)


def test_blocks_start_with_what_the_grammar_lets_them() -> None:
    for block, heads in HEADS.items():
        lead = "".join(f"{line}\n" for line in heads)
        with pytest.raises(Failure) as failure:
            parse(lead + "%", _NOTHING)
        starts = {keyword(t) for t in _expected(failure.value)} - {None}
        if block == "pod":
            starts = set(STARTS["pod"])
        assert starts == STARTS[block], block


def test_every_terminal_has_words_for_people() -> None:
    for terminal in tables().terminals:
        assert terminal in WORDS or keyword(terminal), terminal


def test_tables_hold_only_data() -> None:
    json.loads((FOLDER / "agentpol.json").read_text(encoding="utf-8"))
