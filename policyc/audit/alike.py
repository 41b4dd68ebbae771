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
"""Stands for the spec, and for the name of the token's volume: nobody who writes objects knows it."""
_MARK = canonical_json(_PLACE)

_written: dict[bytes, list[bytes]] = {}
"""A spec as it is marshalled, where what is equal is so with its types -> its canonical JSON.

In pieces, between which the name of the token's volume belongs.
"""


def canonical_object(body: dict[str, Json], pod: Pod | None = None) -> bytes:
    """What ``canonical_json`` makes of the object; ``pod`` is what was read of it, if it is one."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return canonical_json(body)
    around = canonical_json({**body, "spec": _PLACE})
    return _spec(spec, pod).join(around.split(_MARK))


def _spec(spec: dict[str, Json], pod: Pod | None) -> bytes:
    if pod is not None and spec is pod.spec:
        pieces = _pieces(pod.words(), lambda: pod.spec_with(_PLACE))
        return canonical_json(pod.token).join(pieces)
    try:
        words = marshal.dumps(spec)
    except ValueError:  # nested too deeply
        words = b""
    return b"".join(_pieces(words, lambda: spec))


def _pieces(words: bytes, spec: Callable[[], dict[str, Json]]) -> list[bytes]:
    found = _written.get(words)
    if found is None:
        found = canonical_json(spec()).split(_MARK)
        if 0 < len(words) <= _LONGEST:
            if len(_written) >= _MOST:
                _written.clear()
            _written[words] = found
    return found
