"""The decision log: appending, beside hashing and writing the same bytes; judging what was written."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from policyc.audit.log import DecisionLog
from policyc.audit.verify import verify
from policyc.core.canonical import Json, canonical_json
from tests.support.logs import KEY, asked, decided

_COUNT = 20_000
_STRICT = 200


def body(size_bytes: int) -> dict[str, Json]:
    """An object of about this size, in pieces as a pod has them."""
    piece = {"name": "LOG_LEVEL", "value": "information about nothing"}
    pieces: list[Json] = [
        dict(piece) for _ in range(size_bytes // len(canonical_json(dict(piece))))
    ]
    return {"metadata": {"name": "research-1"}, "spec": {"env": pieces}}


def timed(log: DecisionLog, size_bytes: int, count: int) -> list[float]:
    """Seconds of each append, sorted."""
    base, verdict = replace(asked("u"), object=body(size_bytes)), decided("u")
    requests = [replace(base, uid=f"{size_bytes}-{count}-{at}") for at in range(count)]
    taken = []
    for request in requests:
        start = time.perf_counter()
        log.append(request, verdict, serial=7)
        taken.append(time.perf_counter() - start)
    return sorted(taken)


def floor(folder: Path, size_bytes: int) -> float:
    """Seconds to serialise and hash the object, and to write a line: nothing could do less."""
    handle = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    value, line = body(size_bytes), b"x" * 700 + b"\n"
    start = time.perf_counter()
    for _ in range(_COUNT):
        sha256(canonical_json(value)).digest()
        os.write(handle, line)
    taken = time.perf_counter() - start
    os.close(handle)
    return taken / _COUNT


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with DecisionLog(folder / "log", KEY, "bench") as log:
            for size in (700, 5_000):
                taken, least = timed(log, size, _COUNT), floor(folder, size)
                mean = sum(taken) / _COUNT
                print(
                    f"{size} bytes: {1 / mean:,.0f} appends a second, "
                    f"p50 {taken[_COUNT // 2] * 1e6:.0f} us, p99 {taken[_COUNT * 99 // 100] * 1e6:.0f} us, "
                    f"{mean / least:.1f} x the floor of {least * 1e6:.0f} us"
                )
        with DecisionLog(folder / "log", KEY, "bench", strict=True) as log:
            taken = timed(log, 700, _STRICT)
            print(f"strict, one after the other: p50 {taken[_STRICT // 2] * 1e3:.1f} ms")
            start = time.perf_counter()
            waiting = [log.submit(asked(f"s-{at}"), decided("s")) for at in range(5_000)]
            for future in waiting:
                future.result()
            print(f"strict, side by side: {5_000 / (time.perf_counter() - start):,.0f} a second")
        start = time.perf_counter()
        report = verify(folder / "log", [KEY.verifier])
        records = sum(epoch.records for epoch in report.epochs)
        print(f"verified: {records / (time.perf_counter() - start):,.0f} records a second")


if __name__ == "__main__":
    main()
