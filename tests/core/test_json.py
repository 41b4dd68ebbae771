"""Canonical and pretty JSON: one byte string a value, and nothing lenient on the way in."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.core.canonical import (
    Json,
    canonical_json,
    digest,
    digest_in_steps,
    object_json,
    pretty_json,
    row_json,
    rows_json,
)
from policyc.core.strict_json import loads

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)


def shuffled(value: Json, rng: random.Random) -> Json:
    """The same value with the keys of every object in another order."""
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    rng.shuffle(keys)
    return {key: shuffled(value[key], rng) for key in keys}


@given(VALUES)
def test_both_writers_say_the_value_and_the_strict_reader_reads_it_back(value: Json) -> None:
    assert loads(canonical_json(value)) == value
    assert loads(pretty_json(value)) == value


@given(VALUES, st.randoms())
def test_the_order_of_keys_is_no_matter(value: Json, rng: random.Random) -> None:
    other = shuffled(value, rng)
    assert canonical_json(other) == canonical_json(value)
    assert pretty_json(other) == pretty_json(value)


@given(VALUES)
def test_writing_what_was_read_changes_nothing(value: Json) -> None:
    canonical, pretty = canonical_json(value), pretty_json(value)
    assert canonical_json(loads(canonical)) == canonical
    assert pretty_json(loads(pretty)) == pretty
    assert canonical_json(loads(pretty)) == canonical


LARGE = st.dictionaries(
    TEXTS, st.lists(VALUES, max_size=4).map(lambda items: items * 80), max_size=3
)


@given(LARGE)
def test_in_steps_the_same_bytes_are_hashed(value: Json) -> None:
    assert digest_in_steps(value) == digest(canonical_json(value))


LONG = st.tuples(
    st.sampled_from(["x", "\n", '"\\', "\u00e9", "\U0001f600\x7f"]), st.integers(1, 70_000)
).map(lambda drawn: drawn[0] * drawn[1])


@given(st.lists(LONG, max_size=3), st.dictionaries(LONG, LONG, max_size=2), LONG)
def test_in_steps_long_texts_are_hashed_in_pieces(
    texts: list[Json], members: dict[str, Json], alone: str
) -> None:
    for value in (texts, members, alone, {"a": {"b": [texts, members]}}):
        assert digest_in_steps(value) == digest(canonical_json(value))


def test_in_steps_a_long_text_is_never_written_whole() -> None:
    value: Json = {"a": {"b": ["x" * 4_000_000]}, "y" * 4_000_000: 1}
    tracemalloc.start()
    digest_in_steps(value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("depth", [10, 400, 800])
def test_in_steps_as_deep_as_in_one(depth: int) -> None:
    value: Json = [*range(300)]
    for _ in range(depth):
        value = [value]
    assert digest_in_steps(value) == digest(canonical_json(value))


@given(VALUES, VALUES)
def test_canonical_bytes_and_digests_are_equal_exactly_for_equal_values(a: Json, b: Json) -> None:
    # `1 == True` in Python and not in JSON: the standard encoder is the second opinion.
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (canonical_json(a) == canonical_json(b)) == same
    assert (digest(canonical_json(a)) == digest(canonical_json(b))) == same


@given(VALUES)
def test_canonical_json_has_no_layout_and_pretty_json_ends_with_a_newline(value: Json) -> None:
    assert canonical_json(value) == json.dumps(
        json.loads(pretty_json(value)), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode("utf-8")
    pretty = pretty_json(value)
    assert pretty.endswith(b"\n") and not pretty.endswith(b"\n\n")


def test_pretty_json_keeps_short_containers_of_scalars_on_one_line() -> None:
    assert pretty_json({"b": ["y", "x"], "a": {"n": 1}, "c": [[]]}) == (
        b'{\n  "a": {"n": 1},\n  "b": ["y", "x"],\n  "c": [\n    []\n  ]\n}\n'
    )
    long: Json = ["x" * 60, "y" * 60]
    assert pretty_json(long).count(b"\n") == 4


def test_the_digest_is_sha_256_of_the_bytes() -> None:
    # The digest of the empty string: FIPS 180-4, as every implementation prints it.
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == f"sha256:{empty}"


REFUSED = {
    "duplicate key": b'{"a": 1, "a": 2}',
    "duplicate key below": b'[{"x": {"k": 1, "k": 1}}]',
    "the same key written with an escape": b'{"a": 1, "\\u0061": 2}',
    "NaN": b"[NaN]",
    "infinity": b"[Infinity]",
    "minus infinity": b"[-Infinity]",
    "a number beyond the largest float": b"[1e999]",
    "lone high surrogate": b'["\\ud800"]',
    "lone low surrogate in a key": b'{"\\udc00": 1}',
    "surrogates in the wrong order": b'["\\udc00\\ud800"]',
    "invalid UTF-8": b'["\xff"]',
    "byte order mark": b"\xef\xbb\xbf[]",
    "trailing comma": b"[1,]",
    "comment": b"[1] // one",
    "two values": b"[] []",
    "nothing": b"",
    "single quotes": b"['a']",
    "control character in a string": b'["\x01"]',
    "ten thousand levels": b"[" * 10_000 + b"]" * 10_000,
    "ten thousand objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_not_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        loads(data)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert loads(b'["\\ud83d\\ude00"]') == ["\U0001f600"]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        loads(data)
    except ValueError:
        return
    json.loads(data)


ROWS: st.SearchStrategy[list[Json] | dict[str, Json]] = (
    st.lists(st.lists(SCALARS))
    | st.lists(st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS)))
    | st.dictionaries(TEXTS, st.lists(SCALARS))
)


@given(ROWS, st.integers(1, 4))
def test_rows_say_the_value_with_a_line_for_each_item(
    value: list[Json] | dict[str, Json], level: int
) -> None:
    text = rows_json(value, level)
    assert loads(text.encode()) == value
    assert text.split("\n")[1:-1] == [
        "  " * level + row + ("," if i + 1 < len(value) else "")
        for i, row in enumerate(_rows_of(value))
    ]


def _rows_of(value: list[Json] | dict[str, Json]) -> list[str]:
    if isinstance(value, list):
        return [row_json(item) for item in value]
    return [f"{row_json(key)}: {row_json(value[key])}" for key in sorted(value)]


@given(st.dictionaries(TEXTS, VALUES))
def test_an_object_of_rows_says_the_value(value: dict[str, Json]) -> None:
    text = object_json({key: row_json(item) for key, item in value.items()}, 1)
    assert loads(text.encode()) == value
