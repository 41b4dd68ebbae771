"""``make bench``: runs every ``bench_*.py`` of this folder, or those named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    chosen = sys.argv[1:] or sorted(
        path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
    )
    for name in chosen:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.bench.bench_{name}").main()


if __name__ == "__main__":
    main()
