"""Values in messages: short, and different for different values."""

from __future__ import annotations

import hashlib
import json

from policyc.core.canonical import Json

_LONGEST = 80


def shown(value: Json) -> str:
    """The value as JSON; a long one is cut and has a digest, so that two never look alike.

    The ratchet tells findings apart by their messages.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    if len(text) <= _LONGEST:
        return f"`{text}`"
    return f"`{text[:_LONGEST]}`... (sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]})"
