"""Canonical JSON and digests: one byte string for one value."""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

Json: TypeAlias = "None | bool | int | str | list[Json] | dict[str, Json]"


def canonical_json(value: Json) -> bytes:
    """RFC 8785 for the values we use: no floats, keys sorted, no spaces, UTF-8.

    Keys are sorted by code point; RFC 8785 sorts by UTF-16 unit, which differs
    only above U+FFFF, and no key of ours holds such a character.
    """
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def pretty_json(value: Json) -> bytes:
    """Sorted, two-space indented and newline-ended: for files people read in review."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode()


def digest(data: bytes) -> str:
    """``sha256:<hex>`` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
