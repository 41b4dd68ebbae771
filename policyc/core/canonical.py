"""Canonical JSON and digests: one byte string for one value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
_PREFIX = "sha256:"

_canonical = json.JSONEncoder(
    sort_keys=True,
    ensure_ascii=False,
    separators=(",", ":"),
    allow_nan=False,
    check_circular=False,  # a tenth of the time; what holds itself ends in a RecursionError
).encode


def canonical_json(value: Json) -> bytes:
    """RFC 8785 for the values we use: no floats, keys sorted, no spaces, UTF-8.

    Keys are sorted by code point; RFC 8785 sorts by UTF-16 unit, which differs
    only above U+FFFF, and no key of ours holds such a character.
    """
    return _canonical(value).encode()


def digest_in_steps(value: Json) -> str:
    """``digest`` of the ``canonical_json`` of a large value, in many small steps.

    One call of the C encoder for all of it lets no other thread run, 20 to 50 ms for 1.5 MB, and what it
    writes would be held twice: as text and as bytes.
    """
    hashed = hashlib.sha256()
    try:
        _steps(value, lambda text: hashed.update(text.encode()))
    except RecursionError:  # as deep as this, but not too deep for the C encoder
        return digest(canonical_json(value))
    return _PREFIX + hashed.hexdigest()


_STEP = 256
"""So many members, of all containers in it together, are written in one step."""
_LONG_TEXT = 64 * 1024
"""Code points of a text that is written in pieces."""


def _steps(value: Json, write: Callable[[str], object]) -> None:
    if isinstance(value, str):
        _pieces(value, write)
        return
    if not isinstance(value, (dict, list)) or _room_beside(value, _STEP) >= 0:
        write(_canonical(value))
        return
    separator = ""
    if isinstance(value, dict):
        write("{")
        for key in sorted(value):
            write(separator)
            _pieces(key, write)
            write(":")
            _steps(value[key], write)
            separator = ","
        write("}")
    else:
        write("[")
        for item in value:
            write(separator)
            _steps(item, write)
            separator = ","
        write("]")


def _pieces(text: str, write: Callable[[str], object]) -> None:
    """Each code point is written in the same way, whatever stands beside it."""
    if len(text) <= _LONG_TEXT:
        write(_canonical(text))
        return
    write('"')
    for start in range(0, len(text), _LONG_TEXT):
        write(_canonical(text[start : start + _LONG_TEXT])[1:-1])
    write('"')


def _room_beside(value: dict[str, Json] | list[Json], room: int) -> int:
    """How much of the room the members leave; below 0 when they have none, known at once.

    A long text, as a member or a key, leaves none.
    """
    room -= len(value)
    if room < 0:
        return room
    if isinstance(value, dict) and any(len(key) > _LONG_TEXT for key in value):
        return -1
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, str):
            if len(item) > _LONG_TEXT:
                return -1
        elif isinstance(item, (dict, list)) and (room := _room_beside(item, room)) < 0:
            return room
    return room


def pretty_json(value: Json) -> bytes:
    """Sorted, indented, newline-ended: for files that people read in review.

    A container of scalars that fits on a line stays on it, and a long one has an
    item a line, so that a change shows as the lines it touches.  The standard
    library's indenting encoder runs in pure Python and was the slowest step of a
    large build; this one leaves all scalars and short containers to the C encoder.
    """
    out: list[str] = []
    _pretty(value, "", out.append)
    out.append("\n")
    return "".join(out).encode()


_LINE = 96
_CONTAINERS = frozenset({dict, list})

_compact = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, check_circular=False
).encode

_rows = json.JSONEncoder(
    sort_keys=True,
    ensure_ascii=False,
    separators=(",\n", ": "),
    allow_nan=False,
    check_circular=False,
).encode


def _pretty(value: Json, indent: str, write: Callable[[str], object]) -> None:
    if not isinstance(value, (dict, list)):
        write(_compact(value))
        return
    nests = _nests(value)
    if not nests:
        line = _compact(value)
        if not value or len(indent) + len(line) <= _LINE:
            write(line)
            return
    deeper = indent + "  "
    separator = "\n" + deeper
    if not nests:
        # No string holds a raw line break, so each one ends an item.
        text = _rows(value)
        inner = text[1:-1].replace("\n", separator)
        write(f"{text[0]}{separator}{inner}\n{indent}{text[-1]}")
        return
    if isinstance(value, dict):
        write("{")
        for key in sorted(value):
            write(f"{separator}{_compact(key)}: ")
            _pretty(value[key], deeper, write)
            separator = ",\n" + deeper
        write("\n" + indent + "}")
    else:
        write("[")
        for item in value:
            write(separator)
            _pretty(item, deeper, write)
            separator = ",\n" + deeper
        write("\n" + indent + "]")


def _nests(value: dict[str, Json] | list[Json]) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return not _CONTAINERS.isdisjoint(map(type, items))


def row_json(value: Json) -> str:
    """The value on one line."""
    return _compact(value)


def rows_json(value: Mapping[str, Json] | Sequence[Json], level: int) -> str:
    """A container with a row for each item, however long; ``level`` is that of the items.

    The items are all lists of scalars, or all objects of scalars and of lists of scalars.
    """
    text = _rows(value)
    if not value:
        return text
    # No string holds a raw line break, so these are separators: those after what ends an
    # item end its row, all others stand within one.
    end = "],\n" if text[-2] == "]" else "},\n"
    indent = "  " * level
    inner = end.join(part.replace(",\n", ", ") for part in text[1:-1].split(end))
    inner = inner.replace("\n", "\n" + indent)
    return f"{text[0]}\n{indent}{inner}\n{indent[2:]}{text[-1]}"


def object_json(members: Mapping[str, str], level: int) -> str:
    """An object of members that are JSON already, sorted, one below the other."""
    indent = "  " * level
    rows = (f"{indent}{_compact(key)}: {members[key]}" for key in sorted(members))
    return "{\n" + ",\n".join(rows) + f"\n{indent[2:]}}}"


def digest(data: bytes) -> str:
    """``sha256:<hex>`` of the bytes."""
    return _PREFIX + hashlib.sha256(data).hexdigest()
