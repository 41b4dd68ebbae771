"""A JSON path leads to its place in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.core.source import Source
from policyc.kube.places import placed
from policyc.kube.yaml import YamlError

TEXT = """apiVersion: v1
kind: Pod
metadata:
  annotations:
    a.b/c: "x"
spec:
  containers:
  - name: one
  - {name: two, env: [{name: A, value: b}]}
---
kind: List
items:
- kind: Secret
  metadata: {name: s}
"""


@pytest.mark.parametrize(
    ("at", "path", "text"),
    [
        (0, "kind", "kind: Pod"),
        (0, "metadata.annotations['a.b/c']", 'a.b/c: "x"'),
        (0, "spec.containers[1].env[0].value", "value: b"),
        (0, "spec.containers[0].name", "name: one"),
        (0, "spec.containers[7].name", "containers"),
        (0, "spec.missing.more", "spec"),
        (1, "metadata.name", "name: s"),
        (1, "", "kind: Secret"),
    ],
)
def test_places(at: int, path: str, text: str) -> None:
    found = list(placed(Source("x.yaml", TEXT)))[at].span(path)
    assert found.source.text[found.start : found.end] == text


@given(st.text("abc.[]'0129", max_size=12))
def test_no_path_is_too_strange(path: str) -> None:
    for one in placed(Source("x.yaml", TEXT)):
        found = one.span(path)
        assert 0 <= found.start < found.end <= len(TEXT)


@pytest.mark.parametrize("text", ["- kind: Pod\n", "words", "kind: List\nitems: [3]\n"])
def test_what_is_no_object_is_not_passed_over(text: str) -> None:
    with pytest.raises(YamlError, match="where an object should"):
        list(placed(Source("x.yaml", text)))


def test_empty_documents_are() -> None:
    assert not [*placed(Source("x.yaml", "---\n---\nnull\n# nothing\n"))]
