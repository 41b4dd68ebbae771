"""Canonical JSON of objects of which many say the same: the replicas of a workload.

To write an object out takes most of the time of a record.  A pod's spec is most of the pod, and
the same for each replica but for one random name, so it is written out once.
"""

from __future__ import annotations

import marshal
import secrets
from collections.abc import Callable

from policyc.admission.pods import Pod
from policyc.core.canonical import Json, canonical_json

_LONGEST = 16 * 1024
_MOST = 256
"""Specs that are kept, each of at most ``_LONGEST`` bytes as it is marshalled: 10 MiB at most."""
_PLACE = secrets.token_hex(16)
"""Stands for the name of the token's volume: nobody who writes an object can know it."""

_written: dict[bytes, list[bytes]] = {}
"""A spec as it is marshalled, where what is equal is so with its types -> its canonical JSON.

In pieces, between which the name of the token's volume belongs.
"""


def canonical_object(body: dict[str, Json], pod: Pod | None = None) -> bytes:
    """What ``canonical_json`` makes of the object; ``pod`` is what was read of it, if it is one."""
    members = (canonical_json(key) + b":" + _member(key, body[key], pod) for key in sorted(body))
    return b"{" + b",".join(members) + b"}"


def _member(key: str, value: Json, pod: Pod | None) -> bytes:
    if key != "spec" or not isinstance(value, dict):
        return canonical_json(value)
    if pod is not None and value is pod.spec:
        return canonical_json(pod.token).join(_pieces(pod.words(), lambda: pod.spec_with(_PLACE)))
    try:
        words = marshal.dumps(value)
    except ValueError:  # nested too deeply
        words = b""
    return b"".join(_pieces(words, lambda: value))


def _pieces(words: bytes, spec: Callable[[], dict[str, Json]]) -> list[bytes]:
    found = _written.get(words)
    if found is None:
        found = canonical_json(spec()).split(canonical_json(_PLACE))
        if 0 < len(words) <= _LONGEST:
            if len(_written) >= _MOST:
                _written.clear()
            _written[words] = found
    return found
