"""A second reader of JSON, byte by byte, from RFC 8259 and RFC 3629: slow, and nothing is let through.

Beyond the grammar an object has no name twice, a string no half of a surrogate pair, and a
number is finite: what different programs read differently is refused.
"""

from __future__ import annotations

import math
import re
from typing import Any, NoReturn

DEPTH = 150
"""Deeper than any object of the API's is nested, and less deep than any program gives up."""
_SPACE = b" \t\n\r"
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ESCAPES = {0x22: '"', 0x5C: "\\", 0x2F: "/", 0x62: "\b", 0x66: "\f", 0x6E: "\n", 0x72: "\r", 0x74: "\t"}  # fmt: skip
_WORDS = {b"true": True, b"false": False, b"null": None}


class NotJsonError(ValueError):
    """What is wrong, and at which byte."""


def read(data: bytes) -> Any:
    """The value of one JSON text."""
    reader = _Reader(data)
    value = reader.value()
    reader.space()
    if reader.at != len(data):
        reader.refuse("something follows the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.depth = 0

    def refuse(self, why: str) -> NoReturn:
        raise NotJsonError(f"{why} at byte {self.at}")

    def space(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in _SPACE:
            self.at += 1

    def next(self) -> int:
        if self.at >= len(self.data):
            self.refuse("the text ends")
        return self.data[self.at]

    def take(self, byte: bytes) -> bool:
        """Whether the byte comes next; then it is behind us."""
        self.space()
        if self.data[self.at : self.at + 1] != byte:
            return False
        self.at += 1
        return True

    def value(self) -> Any:
        self.depth += 1
        if self.depth > DEPTH:
            self.refuse("nested too deeply")
        found = self.any_value()
        self.depth -= 1
        return found

    def any_value(self) -> Any:
        if self.take(b"{"):
            return self.object()
        if self.take(b"["):
            return self.array()
        if self.take(b'"'):
            return self.string()
        for word, value in _WORDS.items():
            if self.data.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.number()

    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.take(b"}"):
            return found
        while True:
            if not self.take(b'"'):
                self.refuse("no name")
            name = self.string()
            if name in found:
                self.refuse("a name stands twice")
            if not self.take(b":"):
                self.refuse("no colon")
            found[name] = self.value()
            if self.take(b"}"):
                return found
            if not self.take(b","):
                self.refuse("no comma")

    def array(self) -> list[Any]:
        found: list[Any] = []
        if self.take(b"]"):
            return found
        while True:
            found.append(self.value())
            if self.take(b"]"):
                return found
            if not self.take(b","):
                self.refuse("no comma")

    def number(self) -> int | float:
        match = _NUMBER.match(self.data, self.at)
        if match is None:
            self.refuse("no value")
        self.at = match.end()
        if match[1] is None and match[2] is None:
            return int(match[0])
        found = float(match[0])
        if math.isinf(found):
            self.refuse("a number is too large")
        return found

    def string(self) -> str:
        found: list[str] = []
        while True:
            byte = self.next()
            if byte < 0x20:
                self.refuse("a control character")
            if byte >= 0x80:
                found.append(self.character())
                continue
            self.at += 1
            if byte == 0x22:
                return "".join(found)
            found.append(self.escape() if byte == 0x5C else chr(byte))

    def escape(self) -> str:
        byte = self.next()
        self.at += 1
        if byte in _ESCAPES:
            return _ESCAPES[byte]
        if byte != 0x75:
            self.refuse("no escape")
        unit = self.unit()
        if 0xD800 <= unit < 0xDC00 and self.data[self.at : self.at + 2] == b"\\u":
            self.at += 2
            low = self.unit()
            if not 0xDC00 <= low < 0xE000:
                self.refuse("half of a pair")
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        if 0xD800 <= unit < 0xE000:
            self.refuse("half of a pair")
        return chr(unit)

    def unit(self) -> int:
        digits = self.data[self.at : self.at + 4]
        if not re.fullmatch(rb"[0-9A-Fa-f]{4}", digits):
            self.refuse("no four digits")
        self.at += 4
        return int(digits, 16)

    def character(self) -> str:
        """One character of UTF-8, in its only form (RFC 3629, section 4)."""
        first = self.data[self.at]
        size = 2 if 0xC2 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4
        parts = self.data[self.at + 1 : self.at + size]
        if not 0xC2 <= first <= 0xF4 or len(parts) < size - 1:
            self.refuse("no UTF-8")
        if any(not 0x80 <= part <= 0xBF for part in parts):
            self.refuse("no UTF-8")
        code = first & (0x7F >> size)
        for part in parts:
            code = code << 6 | part & 0x3F
        if code < (0x80, 0x800, 0x10000)[size - 2] or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            self.refuse("no UTF-8")
        self.at += size
        return chr(code)
