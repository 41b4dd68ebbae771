"""The agents of one policy each: tables of all may be more than one object can hold.

An object is held to what each policy says of its own agents, and no policy has to know those
of another one, so that any cut says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from policyc.emit.backstop.row import Row

PART_BYTES = 192 << 10
"""Of the tables of one policy, about.

`kubectl apply` keeps a copy of an object in an annotation, and all annotations together have at
most 256 KiB (apimachinery, pkg/api/validation, TotalAnnotationSizeLimitB).
"""


def parts(
    rows: Sequence[Row], texts: Callable[[Row], Iterable[str]], most_bytes: int
) -> Iterator[Sequence[Row]]:
    """The rows of one policy each; none are empty.

    ``texts`` are what a row brings into the tables: what rows have in common stands there once.
    """
    first = size = 0
    seen: set[str] = set()
    for i, row in enumerate(rows):
        brought = {*texts(row)}
        more = sum(map(len, brought - seen))
        if size + more > most_bytes and i > first:
            yield rows[first:i]
            first, size, seen = i, 0, set()
            more = sum(map(len, brought))
        size += more
        seen |= brought
    if rows:
        yield rows[first:]
