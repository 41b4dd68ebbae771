"""CEL literals, each no longer than the API server takes an expression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyc.core.canonical import Json

LONGEST = 80_000
"""Characters of one table: cel-go refuses expressions of more than 100,000."""
TABLE_ROWS = 400


def tables(name: str, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Variables ``nameN``, maps of keys to CEL, which together hold the pairs."""
    rows: list[tuple[str, str]] = []
    size = count = 0
    for key, value in pairs:
        more = len(written_text(key)) + len(value) + 4
        if rows and (size + more > LONGEST or len(rows) == TABLE_ROWS):
            yield f"{name}{count}", written_map(rows)
            rows, size, count = [], 0, count + 1
        rows.append((key, value))
        size += more
    if rows:
        yield f"{name}{count}", written_map(rows)


def listed(names: Iterable[str]) -> str:
    """A list of variables."""
    return "[" + ", ".join(f"variables.{name}" for name in names) + "]"


def written_map(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{written_text(key)}: {value}" for key, value in pairs) + "}"


def written_list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(written_text, texts)) + "]"


def written_text(text: str) -> str:
    """A CEL string: printable ASCII as it is, all else by code point."""
    return "'" + "".join(_character(c) for c in text) + "'"


def _character(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    return character if " " <= character <= "~" else f"\\U{ord(character):08x}"


def validation(name: str) -> dict[str, Json]:
    """The validation of a variable: faults of the object, and then those of the old one.

    Faults that the object had before are left to its repair, as admission leaves them.
    """
    here = f"variables.{name}"
    return {
        "expression": (
            f"size({here}) == 0 || {here}[0].all(l, l.all(f,"
            f" size({here}) > 1 && {here}[1].exists(o, f in o)))"
        ),
        "messageExpression": (f"{here}[0].filter(l, size(l) > 0).map(l, l.join('; ')).join('; ')"),
        "reason": "Forbidden",
    }
