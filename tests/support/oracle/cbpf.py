"""A filter run on one input at a time, from the documentation alone (bpf(4), seccomp(2))."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Instruction(Protocol):
    @property
    def code(self) -> int: ...
    @property
    def jt(self) -> int: ...
    @property
    def jf(self) -> int: ...
    @property
    def k(self) -> int: ...


def answer(program: Sequence[Instruction], words: Sequence[int]) -> int:
    """What the program returns for the 32-bit words of one ``seccomp_data``."""
    at = accumulator = 0
    while True:
        now = program[at]
        at += 1
        if now.code == 0x20:
            accumulator = words[now.k // 4]
        elif now.code == 0x54:
            accumulator &= now.k
        elif now.code == 0x05:
            at += now.k
        elif now.code == 0x06:
            return now.k
        else:
            taken = {
                0x15: accumulator == now.k,
                0x25: accumulator > now.k,
                0x35: accumulator >= now.k,
                0x45: bool(accumulator & now.k),
            }[now.code]
            at += now.jt if taken else now.jf
