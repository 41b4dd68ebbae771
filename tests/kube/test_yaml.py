"""The door to YAML: what is written is read back by everybody, and traps are refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policyc.core.canonical import Json
from policyc.kube.yaml import YamlError, dump, load, load_all

# What YAML 1.1 or 1.2 readers take for something else than a string, or trip over:
# https://yaml.org/type/ (1.1) and https://yaml.org/spec/1.2.2/#103-core-schema.
TRAPS = (
    "yes no on off y n Y N True FALSE true null Null NULL ~ 1e3 1E3 0o7 007 0x1F 0b1 1_000 12:30:45 1.5 .5 "
    "-.inf .nan +1 -1 2026-08-01 2026-08-01T00:00:00Z = << ! & * - -- --- ... ? : a: :a #a a# [ ] { } , | > % @ ` "
    "NaN Infinity inf .inf 0 1 -0 0.0 1e400"
).split()
ODD = (
    "", " ", " a", "a ", "a\n", "\na", "a\nb\n\n c", "\t", "a\tb", "#", "a #b", "a: b", "- a", "'", '"', "\\",
    "\\n", "\x85", "\u2028", "\xa0", "\ufeff", "\x7f", "\U0001f600", "é", "a\r\nb", "\x00", "\x1b", "%TAG", "--- a",
    "!!str a", "&a b", "*a",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from((*TRAPS, *ODD)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.text("yno0123456789.:-+_eExTZ ~", max_size=8),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize("text", (*TRAPS, *ODD), ids=repr)
def test_a_string_stays_that_string(text: str) -> None:
    document: Json = {"key": text, "list": [text], text + "k": 1, "last": {text: {}}}
    assert load(dump(document)) == document


@given(VALUES)
def test_what_is_written_is_read_back(value: Json) -> None:
    assert load(dump(value)) == value


@given(VALUES)
def test_another_reader_reads_the_same(value: Json) -> None:
    """PyYAML's own YAML 1.1 reader, which has all the surprises, finds none."""
    assert same(yaml.load(dump(value), yaml.SafeLoader), value)


def same(one: Any, other: Json) -> bool:
    if isinstance(other, dict):
        return (
            isinstance(one, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in other)
        )
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def shuffled(value: Json, rng: random.Random) -> Json:
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}


@given(VALUES, st.randoms(use_true_random=False))
def test_one_value_has_one_text(value: Json, rng: random.Random) -> None:
    assert dump(shuffled(value, rng)) == dump(value)


def test_the_keys_stand_in_kubernetes_order() -> None:
    document: Json = {
        "spec": {"b": 1, "a": 2, "name": "x"},
        "kind": "K",
        "metadata": {"labels": {}, "namespace": "web", "name": "m"},
        "apiVersion": "v1",
    }
    assert dump(document).decode() == (
        "apiVersion: v1\nkind: K\nmetadata:\n  name: m\n  namespace: web\n  labels: {}\n"
        "spec:\n  name: x\n  a: 2\n  b: 1\n"
    )


# -- reading -----------------------------------------------------------------------

READ: dict[str, Json] = {
    "a: yes": {"a": "yes"},
    "a: on": {"a": "on"},
    "a: true": {"a": True},
    "a: False": {"a": False},
    "a: ~": {"a": None},
    "a:": {"a": None},
    "a: 12": {"a": 12},
    "a: -3": {"a": -3},
    "a: '12'": {"a": "12"},
    "a: 012": {"a": "012"},
    "a: 2026-08-01": {"a": "2026-08-01"},
    "a: |\n  one\n  two\n": {"a": "one\ntwo\n"},
    "a: >-\n  one\n  two\n": {"a": "one two"},
    "a: &x [1]\nb: *x": {"a": [1], "b": [1]},
    "{}": {},
    '{"a": [1, "b"]}': {"a": [1, "b"]},
}


@pytest.mark.parametrize("text", READ, ids=repr)
def test_values_are_those_of_json(text: str) -> None:
    assert load(text.encode()) == READ[text]


def test_a_stream_is_its_documents() -> None:
    assert load_all("a: 1\n---\nb: 2\n---\n") == [{"a": 1}, {"b": 2}, None]
    assert load_all("") == []


def bomb(width: int, depth: int) -> str:
    """A few lines that mean width to the power of depth values."""
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    for i in range(1, depth):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]")
    return "\n".join(lines)


REFUSED = {
    "a key twice": ("a: 1\nb: 2\na: 3\n", 10),
    "a key twice, once quoted": ('a: 1\n"a": 2\n', 5),
    "a key twice below": ("a:\n  - b: 1\n    b: 2\n", 16),
    "a key that is a list": ("? [a]\n: 1\n", 2),
    "a bomb of aliases": (bomb(9, 9), None),
    "an alias of itself": ("a: &a [*a]\n", None),
    "an alias of nothing": ("a: *b\n", None),
    "a tag of Python": ("a: !!python/object/apply:os.system [id]\n", None),
    "a tag of one's own": ("a: !mine 1\n", None),
    "a set": ("a: !!set {b}\n", None),
    "bytes": ("a: !!binary aGk=\n", None),
    "ten thousand levels": ("[" * 10_000, None),
    "sixty-six levels": ("[" * 66 + "]" * 66, None),
    "ten thousand levels of blocks": ("- " * 10_000 + "a", None),
    "a tab as indentation": ("a:\n\tb: 1\n", None),
    "a brace that is not closed": ("a: {b: 1\n", None),
    "a control character": ("a: \x01\n", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_manifest_needs_is_refused(name: str) -> None:
    text, offset = REFUSED[name]
    with pytest.raises(YamlError) as caught:
        load_all(text)
    assert caught.value.message
    assert 0 <= caught.value.offset <= len(text)
    if offset is not None:
        assert caught.value.offset == offset


def test_one_document_is_one_document() -> None:
    for text in ("", "a: 1\n---\nb: 2\n"):
        with pytest.raises(YamlError, match="documents where one is expected"):
            load(text.encode())


@given(st.text(st.sampled_from("ab:-?&*!|>{}[],#\"'\n %@`~=<1.0\t"), max_size=25))
def test_any_text_is_documents_or_a_yaml_error(text: str) -> None:
    try:
        documents = load_all(text)
    except YamlError:
        return
    for document in documents:
        assert load(dump(document)) == document


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("{a: &a {x: 1, y: 2}, b: {<<: *a, y: 3}}", {"x": 1, "y": 3}),
        ("{a: &a {x: 1, y: 2}, b: {y: 3, <<: *a}}", {"x": 1, "y": 3}),
        ("{a: [&a {x: 1}, &c {x: 2, z: 4}], b: {<<: [*a, *c]}}", {"x": 1, "z": 4}),
        ("b: {'<<': text}", {"<<": "text"}),
    ],
)
def test_merge_keys_bring_what_does_not_stand_there(text: str, merged: Json) -> None:
    (read,) = load_all(text)
    assert read["b"] == merged == yaml.safe_load(text)["b"]
