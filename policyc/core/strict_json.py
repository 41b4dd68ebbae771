"""JSON as RFC 8259 has it, and nothing more lenient."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import NoReturn

from policyc.core.canonical import Json

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""What may be half of a pair; a raw one is no UTF-8."""


def loads(data: bytes, check: Callable[[str], object] | None = None) -> Json:
    """The value of one JSON text; ``check`` sees the text before it is read.

    Raises ValueError on invalid UTF-8, duplicate keys, NaN and infinities, lone
    surrogates, and nesting deeper than the interpreter's recursion limit; the
    standard library lets the last four through or crashes on them.
    """
    try:
        text = data.decode("utf-8")
        del data  # where the caller kept none, a long text is not held twice
        if check is not None:
            check(text)
        value: Json = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _SURROGATE.search(text):
        _refuse_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key `{key}` stands twice in one object")
            seen.add(key)
    return result


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"the number `{number}` is too large")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"`{constant}` is not JSON")


def _refuse_surrogates(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("an escaped surrogate stands alone") from None


# json.loads would make one for each text, which costs a tenth of reading a small one.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
