"""What the head of a request says: whether a review can follow, and how long its decision may take."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

from webhook.faulted import Faulted

Scope = MutableMapping[str, Any]  # ASGI's own types are dictionaries

JSON_TYPES = (b"application/json", b"application/json;charset=utf-8")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)")
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0}
_API_SERVER_SECONDS = 10.0  # timeoutSeconds when the configuration says nothing


@lru_cache(64)
def budget_seconds(query: bytes) -> float:
    """How long the decision may take: what the API server waits, less a margin for the way back.

    ``?timeout=`` is a Go duration of whole seconds, 1 to 30.
    """
    found = re.search(rb"(?:^|&)timeout=([^&]*)", query)
    parts = _DURATION.findall(found[1].decode("latin-1")) if found else []
    waits = sum(float(number) * _UNITS[unit] for number, unit in parts) or _API_SERVER_SECONDS
    return waits - min(1.0, waits * 0.2)


def refuse_what_is_no_review(scope: Scope) -> None:
    """Faulted for what no API server sends."""
    if scope["method"] != "POST":
        raise Faulted(405, "MALFORMED", "only POST")
    content_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.lower().replace(b" ", b"").replace(b'"', b"")
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Faulted(415, "MALFORMED", "no Content-Encoding is read")
    if content_type not in JSON_TYPES:
        raise Faulted(415, "MALFORMED", "the Content-Type is not application/json")
