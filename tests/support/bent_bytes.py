"""The bytes of a review, bent at random: bits turned, parts cut, doubled, swapped, put in."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_MEMBER = re.compile(rb'"([A-Za-z]+)":')
_TOKENS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"null", b"true", b"0", b"-", b"NaN", b"1e999",
    b"-Infinity", b"\\u0000", b"\\ud800", b"\\udc00\\ud83d", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80",
    b"\x00", b"\xef\xbb\xbf", b"\n", b"//", b"[" * 3000, b'{"a":' * 3000, b" " * 2000,
)  # fmt: skip


def _flipped(rng: random.Random, data: bytes) -> bytes:
    bent = bytearray(data)
    bent[rng.randrange(len(bent))] ^= 1 << rng.randrange(8)
    return bytes(bent)


def _another_byte(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _without(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 30) :]


def _doubled(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    end = start + rng.randint(1, 60)
    return data[:end] + data[start:end] + data[end:]


def _with(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_TOKENS) + data[at:]


def _swapped(rng: random.Random, data: bytes) -> bytes:
    a, b, c = sorted(rng.sample(range(len(data) + 1), 3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _member_twice(rng: random.Random, data: bytes) -> bytes:
    members = list(_MEMBER.finditer(data))
    if not members:
        return data
    chosen = rng.choice(members)
    value = rng.choice((b"null", b'"x"', b"{}", b"[]", b"1", b"true"))
    return data[: chosen.start()] + chosen[0] + value + b"," + data[chosen.start() :]


def _other_value(rng: random.Random, data: bytes) -> bytes:
    """A member's value is of another type, or its name is in other letters."""
    members = list(_MEMBER.finditer(data))
    if not members:
        return data
    chosen = rng.choice(members)
    if rng.random() < 0.3:
        return data[: chosen.start()] + chosen[0].swapcase() + data[chosen.end() :]
    value = rng.choice((b"null", b'"x"', b"{}", b"[]", b"1", b"1.0", b"true", b'["x"]', b'{"x":1}'))
    rest = re.match(rb'"[^"\\]*"|[a-z0-9.]+|\{\}|\[\]', data[chosen.end() :])
    if rest is None:
        return data
    return data[: chosen.end()] + value + data[chosen.end() + rest.end() :]


_WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flipped, _another_byte, _cut, _without, _doubled, _with, _with, _swapped, _member_twice,
    _other_value, _other_value, _other_value,
)  # fmt: skip


def bent(rng: random.Random, data: bytes) -> bytes:
    """The bytes after one or two changes, at least one byte long."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        data = rng.choice(_WAYS)(rng, data) or b"0"
    return data
