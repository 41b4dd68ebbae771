"""JSON patches (RFC 6902) that add and never remove."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.core.canonical import Json


def difference(before: Json, after: Json, pointer: str) -> Iterator[Json]:
    """The operations that make ``before`` into ``after``, which has all that ``before`` has.

    Lists may be longer, nulls may have values.  ``pointer`` is where both stand.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(after):
            at = f"{pointer}/{_escaped(key)}"
            if before.get(key) is None:
                if after[key] is not None:
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
