"""Parsing and formatting: MB/s over the example policies, and against a floor.

The floor is a pass of one regular expression over the same text that matches every token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from policyc.core.source import Source
from policyc.syntax.format import format_source
from policyc.syntax.parser import parse

POLICIES = Path(__file__).parents[2] / "policies"
TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|[\w.*/:@-]+|\s+|.')
LEAST = 1_000_000  # characters


def seconds(work: Callable[[], object]) -> float:
    """The best of three, which is the one that others disturbed least."""

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(once() for _ in range(3))


def main() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(POLICIES.rglob("*.agentpol"))]
    sources = [Source("bench.agentpol", text) for text in texts]
    rounds = LEAST // sum(map(len, texts)) + 1
    size = rounds * sum(len(text.encode()) for text in texts) / 1e6

    def all_of(work: Callable[[Source], object]) -> Callable[[], object]:
        return lambda: [work(source) for _ in range(rounds) for source in sources]

    floor = seconds(all_of(lambda source: sum(1 for _ in TOKEN.finditer(source.text))))
    parsing = seconds(all_of(parse))
    formatting = seconds(all_of(format_source))
    print(f"parse:  {size / parsing:.2f} MB/s, {parsing / floor:.1f} x one regular expression")
    print(f"format: {size / formatting:.2f} MB/s, {formatting / parsing:.1f} x parsing")


if __name__ == "__main__":
    main()
