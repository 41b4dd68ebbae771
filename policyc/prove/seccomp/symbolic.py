"""A cBPF program run once on all inputs: what it returns, as a formula over ``seccomp_data``.

Jumps go forward only, so one pass from the first instruction to the last meets every
path; where paths meet, their conditions are joined and the accumulator becomes a choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import z3

from policyc.core.errors import InternalError
from policyc.prove.seccomp.program import Instruction

_WORDS = 16
"""``struct seccomp_data`` of linux/seccomp.h: nr, arch, an instruction pointer and six
arguments of 64 bits, read as 32-bit words."""


class _Code(IntEnum):
    """The instructions of a filter by libseccomp (linux/bpf_common.h)."""

    LOAD = 0x20
    AND = 0x54
    JUMP = 0x05
    RETURN = 0x06
    EQUAL = 0x15
    GREATER = 0x25
    GREATER_EQUAL = 0x35
    ANY_BIT = 0x45


Term = Any  # z3 has no types


@dataclass(frozen=True, slots=True)
class Result:
    """``words`` are the inputs, the call's number and architecture first; ``answer`` is what the
    filter returns for them.
    """

    words: tuple[Term, ...]
    answer: Term


def run(program: Sequence[Instruction]) -> Result:
    """Execute on all inputs; InternalError at an instruction that no libseccomp filter has."""
    words = tuple(z3.BitVec(f"word{i}", 32) for i in range(_WORDS))
    arriving: list[list[tuple[Term, Term]]] = [[] for _ in program]
    arriving[0].append((z3.BoolVal(True), z3.BitVecVal(0, 32)))
    answers: list[tuple[Term, int]] = []
    for at, instruction in enumerate(program):
        if not arriving[at]:
            continue
        reached, accumulator = _met(arriving[at])
        following = at + 1
        match instruction.code:
            case _Code.LOAD:
                loaded = _loaded(words, instruction.k)
                arriving[following].append((reached, loaded))
            case _Code.AND:
                arriving[following].append((reached, accumulator & instruction.k))
            case _Code.JUMP:
                arriving[following + instruction.k].append((reached, accumulator))
            case _Code.RETURN:
                answers.append((reached, instruction.k))
            case _:
                taken = _comparison(instruction, accumulator)
                yes, no = following + instruction.jt, following + instruction.jf
                arriving[yes].append((z3.And(reached, taken), accumulator))
                arriving[no].append((z3.And(reached, z3.Not(taken)), accumulator))
    answer = z3.BitVecVal(answers[-1][1], 32)
    for reached, value in answers[:-1]:
        answer = z3.If(reached, z3.BitVecVal(value, 32), answer)
    return Result(words, answer)


def _met(arriving: list[tuple[Term, Term]]) -> tuple[Term, Term]:
    reached, accumulator = arriving[0]
    for condition, value in arriving[1:]:
        if not z3.eq(value, accumulator):
            accumulator = z3.If(condition, value, accumulator)
        reached = z3.Or(reached, condition)
    return reached, accumulator


def _loaded(words: tuple[Term, ...], offset: int) -> Term:
    if offset % 4 or offset // 4 >= _WORDS:
        raise InternalError(f"a filter reads at offset {offset} of seccomp_data")
    return words[offset // 4]


def _comparison(instruction: Instruction, accumulator: Term) -> Term:
    k = z3.BitVecVal(instruction.k, 32)
    match instruction.code:
        case _Code.EQUAL:
            return accumulator == k
        case _Code.GREATER:
            return z3.UGT(accumulator, k)
        case _Code.GREATER_EQUAL:
            return z3.UGE(accumulator, k)
        case _Code.ANY_BIT:
            return (accumulator & k) != 0
    raise InternalError(f"a filter holds the instruction {instruction.code:#04x}")
