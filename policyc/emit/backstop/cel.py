"""CEL literals, each no longer than the API server takes an expression."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST = 80_000
"""Characters of one table: cel-go refuses expressions of more than 100,000."""
TABLE_ROWS = 400
_ODD = re.compile(r"[^ -~]|['\\]")
Pair = tuple[str, str]
"""A text, which is the key, and CEL."""


def tables(name: str, pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    """Variables ``nameN``, maps of keys to CEL, which together hold the pairs."""
    for number, part in enumerate(_portions(pairs)):
        yield f"{name}{number}", written_map(part)


def groups(name: str, pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    """Variables ``nameN``, maps of keys to lists of CEL; a key may stand in several of them."""
    for number, part in enumerate(_portions(pairs)):
        found: dict[str, list[str]] = {}
        for key, value in part:
            found.setdefault(key, []).append(value)
        yield f"{name}{number}", written_map((k, f"[{', '.join(own)}]") for k, own in found.items())


def _portions(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    part: list[Pair] = []
    size = 0
    for pair in pairs:
        more = len(entry(*pair)) + 4  # between entries, and around a list
        if part and (size + more > LONGEST or len(part) == TABLE_ROWS):
            yield part
            part, size = [], 0
        part.append(pair)
        size += more
    if part:
        yield part


def listed(names: Iterable[str]) -> str:
    """A list of variables."""
    return "[" + ", ".join(f"variables.{name}" for name in names) + "]"


def written_map(pairs: Iterable[Pair]) -> str:
    return "{" + ", ".join(entry(key, value) for key, value in pairs) + "}"


def entry(key: str, value: str) -> str:
    """An entry of a map: a text, and CEL."""
    return f"{written_text(key)}: {value}"


def written_list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(written_text, texts)) + "]"


def written_text(text: str) -> str:
    """A CEL string: printable ASCII as it is, all else by code point."""
    return f"'{_ODD.sub(_written, text)}'"


def _written(odd: re.Match[str]) -> str:
    return "\\" + odd[0] if odd[0] in "'\\" else f"\\U{ord(odd[0]):08x}"
