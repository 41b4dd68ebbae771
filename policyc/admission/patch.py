"""JSON patches (RFC 6902) that add and never remove."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyc.core.canonical import Json


class Draft:
    """A document with additions; what is not changed is shared with the original."""

    def __init__(self, original: dict[str, Json]) -> None:
        self._original = original
        self._changed = dict(original)
        self._own = {id(self._changed)}  # the objects and lists that are copies of ours

    def default(self, *keys: str | int, value: Json) -> None:
        """Set a field that is absent or null, and what leads to it; what is malformed stays."""
        found: Json = self._changed
        for key in keys:
            if isinstance(found, dict) and isinstance(key, str):
                found = found.get(key)
            elif isinstance(found, list) and isinstance(key, int):
                found = found[key]
            else:
                return
            if found is None:
                self.put(*keys, value=value)
                return

    def put(self, *keys: str | int, value: Json) -> None:
        """Set a field, whatever stands there; all that leads to it are objects, lists or null."""
        body: Any = self._changed
        for key in keys[:-1]:
            inner = body[key] if isinstance(key, int) else body.get(key)
            if id(inner) not in self._own:
                inner = body[key] = list(inner) if isinstance(inner, list) else dict(inner or {})
                self._own.add(id(inner))
            body = inner
        body[keys[-1]] = value

    def operations(self, pointer: str) -> list[Json]:
        """The patch; ``pointer`` is where the document stands in a larger one."""
        return list(difference(self._original, self._changed, pointer))


def difference(before: Json, after: Json, pointer: str) -> Iterator[Json]:
    """The operations that make ``before`` into ``after``, which has all that ``before`` has.

    Lists may be longer, nulls may have values.  ``pointer`` is where both stand.  What is
    one and the same in both is not looked into.
    """
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted([k for k, new in after.items() if new is not before.get(k)]):
            at = f"{pointer}/{_escaped(key)}"
            if before.get(key) is None:
                yield {"op": "add", "path": at, "value": after[key]}
            else:
                yield from difference(before[key], after[key], at)
    elif isinstance(before, list) and isinstance(after, list):
        for i, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from difference(old, new, f"{pointer}/{i}")
        for value in after[len(before) :]:
            yield {"op": "add", "path": f"{pointer}/-", "value": value}
    elif before != after:
        yield {"op": "replace", "path": pointer, "value": after}


def _escaped(key: str) -> str:
    """RFC 6901, section 3."""
    return key.replace("~", "~0").replace("/", "~1")
