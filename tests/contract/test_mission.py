"""Every line of the mission that the judgement covers has a test that carries its number.

A test carries ``M17`` by ``_m17`` in its name, and may only where it shows what the line promises.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LINES = (*range(1, 19), 20, 21, 29, 30, 41, 45, 60, 77)
_NUMBER = re.compile(r"(?<=_)m(\d+)(?=_|$)")


def carried() -> Iterator[int]:
    """The numbers in the names of all tests but those that may be skipped."""
    for path in TESTS.glob("*/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = {ast.unparse(mark) for mark in node.decorator_list}
                if not any("skip" in mark for mark in marks):
                    yield from map(int, _NUMBER.findall(node.name))


@pytest.mark.parametrize("number", LINES, ids=lambda n: f"M{n}")
def test_a_line_of_the_mission_has_its_test(number: int, numbers: frozenset[int]) -> None:
    assert number in numbers


@pytest.fixture(scope="module")
def numbers() -> frozenset[int]:
    return frozenset(carried())
