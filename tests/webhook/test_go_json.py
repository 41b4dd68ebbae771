"""The fast reader of reviews is the strict one, on whatever bytes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.bent_bytes import bent
from support.drawn_reviews import a_review

from policyc.core import strict_json
from webhook import go_json

Json = Any
_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_TEXTS = st.text() | st.sampled_from([*_HTML, *map(chr, range(32)), "\x7f", '"', "\\", "\\u003c"])
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner),
)


def go_written(value: Json) -> bytes:
    """As ``encoding/json`` of Go writes it (https://pkg.go.dev/encoding/json#Marshal)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(_HTML.get(c, c) for c in text).encode() + b"\n"


def outcome(loads: Any, data: bytes) -> str:
    """The value with its types and the order of its keys, or what is said of it."""
    try:
        return repr(loads(data))
    except ValueError as fault:
        return f"{type(fault).__name__}: {fault}"


def agree(data: bytes) -> None:
    assert outcome(go_json.loads, data) == outcome(strict_json.loads, data)


@given(VALUES)
@example("<a & b>\u2028")
@example({"a": [1.0, -0.0, 1e22, 5e-324, 10**30, True]})
def test_what_go_wrote_is_what_was_written(value: Json) -> None:
    data = go_written(value)
    assert repr(go_json.loads(data)) == repr(value)
    agree(data)


@given(st.integers(0, 2**32))
def test_reviews_bent_at_random(seed: int) -> None:
    rng = random.Random(seed)
    data = go_written(a_review(rng)[0])
    agree(data)
    agree(bent(rng, data))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"a":1,"\\u0061":1}', "NaN", "[-Infinity]", "[Infinity]", "1e400",
        "1.0", "-0", "1e5", "1.00000000000000000001", "1" * 5000, "[" * 150 + "]" * 150,
        "[" * 300 + "]" * 300, '"\\ud800"', '"\\ud83d\\ude00"', '"\\u003C"', '"<\\u003e"', '"\\u2028<"',
        "", " ", "\n", "1\n", "1\n\n", " 1", "\ufeff1", '"\x00"', '"a\tb"', "tru", "[1,]", '{"a":1,}',
    ],
)  # fmt: skip
def test_what_stands_at_the_edges(text: str) -> None:
    agree(text.encode())


@given(st.binary(max_size=40))
def test_bytes_that_are_no_text(data: bytes) -> None:
    agree(data)
