"""Emitting and proving: each emitter over random envelopes, against writing the same bytes."""

from __future__ import annotations

import random
import time

from policyc.emit.registry import EMITTERS
from policyc.pipeline.artifacts import from_bytes, to_bytes
from policyc.pipeline.build import prove_sound
from tests.support.envelopes import envelope

CASES = 200


def main() -> None:
    cases = [envelope(random.Random(seed)) for seed in range(CASES)]
    for emitter in EMITTERS:
        start = time.perf_counter()
        emissions = [emitter.emit(case) for case in cases]
        emitted = time.perf_counter()
        written = [[(a.path, to_bytes(a.path, a.document)) for a in e.artifacts] for e in emissions]
        stored = time.perf_counter()
        for case, files in zip(cases, written, strict=True):
            prove_sound(emitter, {path: from_bytes(path, data) for path, data in files}, case)
        proved = time.perf_counter()
        floor = stored - emitted
        print(
            f"{emitter.kind}: emit {(emitted - start) / CASES * 1e3:.2f} ms, "
            f"{(emitted - start) / floor:.1f} x writing; "
            f"read and prove {(proved - stored) / CASES * 1e3:.2f} ms, {(proved - stored) / floor:.1f} x writing"
        )


if __name__ == "__main__":
    main()
