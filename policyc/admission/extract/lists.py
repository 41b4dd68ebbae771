"""Lists as people write them into one value: commas, spaces, lines, or JSON."""

from __future__ import annotations

import re

from policyc.core.canonical import Json
from policyc.core.strict_json import loads

_SEPARATORS = re.compile(r"[\s,;]+")


def json_of(text: str) -> Json:
    """The JSON array or object in a text; None when it holds none."""
    bare = text.strip()
    if not bare.startswith(("[", "{")):
        return None
    try:
        return loads(bare.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None


def words_of(text: str) -> tuple[str, ...] | None:
    """The words of a list; None when it begins like JSON and is no list of texts."""
    if text.lstrip().startswith(("[", "{")):
        listed = json_of(text)
        if not isinstance(listed, list):
            return None
        words = tuple(word_of(item) for item in listed)
        return None if None in words else tuple(w.strip() for w in words if w and w.strip())
    return tuple(word for word in _SEPARATORS.split(text) if word)


def word_of(item: Json) -> str | None:
    """A word of a list: a text, or the ``name`` of an object."""
    if isinstance(item, dict):
        item = item.get("name")
    return item if isinstance(item, str) else None
