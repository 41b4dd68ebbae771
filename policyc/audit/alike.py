"""Canonical JSON of objects of which many say the same: the replicas of a workload.

To write an object out takes most of the time of a record.  A pod's spec is most of the pod, and
the same for each replica, so it is written out once.
"""

from __future__ import annotations

import marshal

from policyc.core.canonical import Json, canonical_json

_LONGEST = 16 * 1024
_MOST = 256
"""Specs that are kept, each of at most ``_LONGEST`` bytes as it is marshalled: 10 MiB at most."""

_written: dict[bytes, bytes] = {}
"""A spec as it is marshalled, where what is equal is so with its types -> its canonical JSON."""


def canonical_object(body: dict[str, Json]) -> bytes:
    """What ``canonical_json`` makes of the object."""
    members = (canonical_json(key) + b":" + _member(key, body[key]) for key in sorted(body))
    return b"{" + b",".join(members) + b"}"


def _member(key: str, value: Json) -> bytes:
    if key != "spec" or not isinstance(value, dict):
        return canonical_json(value)
    try:
        words = marshal.dumps(value)
    except ValueError:  # nested too deeply
        return canonical_json(value)
    found = _written.get(words)
    if found is None:
        found = canonical_json(value)
        if len(words) <= _LONGEST:
            if len(_written) >= _MOST:
                _written.clear()
            _written[words] = found
    return found
