"""Filters as programs: proofs agree with runs of the program and with the kernel, and find faults."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import z3
from support.oracle import kernel
from support.oracle.cbpf import answer

from policyc.catalog.syscalls import names, number
from policyc.core.errors import PolicycError
from policyc.prove.seccomp import prove as room
from policyc.prove.seccomp.program import ALLOW, AUDIT_ARCH, Instruction, Program, program
from policyc.prove.seccomp.prove import prove_filter
from policyc.prove.seccomp.symbolic import run

pytestmark = pytest.mark.system  # libseccomp

HERE = ("amd64", "arm64", "386", "arm", "riscv64")
"""Not s390x, of the other order of bytes; and not ppc64le, of which a libseccomp of another machine
takes two calls for one: switch_endian and sys_debug_setcontext are both -10191 (seccomp-syscalls.h,
2.5), which is what a proof of such a filter says."""
X32 = 0x4000_0000


def profile(architecture: str, granted: list[str]) -> dict[str, Any]:
    denied = sorted(names(architecture) - set(granted))
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "syscalls": [
            {"names": granted, "action": "SCMP_ACT_ALLOW"},
            {"names": denied, "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        ],
    }


def some(architecture: str, seed: int) -> list[str]:
    return sorted(random.Random(seed).sample(sorted(names(architecture)), 60))


@pytest.mark.parametrize("architecture", HERE)
def test_a_true_filter_is_proved(architecture: str) -> None:
    for seed in range(2):
        granted = some(architecture, seed)
        proved = prove_filter(profile(architecture, granted), architecture, granted)
        assert proved.disagreement is None
        assert set(proved.left_out) <= set(granted)


@pytest.mark.parametrize("architecture", HERE)
def test_a_call_too_many_and_one_too_few_are_found(architecture: str) -> None:
    granted = some(architecture, 3)
    made = profile(architecture, granted)
    compiled = program(made, architecture)
    one = [n for n in granted if n not in compiled.left_out | compiled.unsaid][7]
    too_many = prove_filter(made, architecture, [n for n in granted if n != one]).disagreement
    assert too_many is not None
    assert too_many.words[:2] == (number(architecture, one), AUDIT_ARCH[architecture])
    assert too_many.answer & 0xFFFF0000 == ALLOW
    silent = compiled.left_out | compiled.unsaid
    other = next(n for n in sorted(names(architecture)) if n not in silent | set(granted))
    too_few = prove_filter(made, architecture, [*granted, other]).disagreement
    assert too_few is not None
    assert too_few.words[0] == number(architecture, other)
    assert too_few.answer & 0xFFFF0000 != ALLOW


def test_the_formula_is_what_the_program_does() -> None:
    """The executor on symbols against one on numbers: at every number, and where programs turn."""
    granted = some("amd64", 5)
    compiled = program(profile("amd64", granted), "amd64").instructions
    result = run(compiled)
    highest = max(number("amd64", n) for n in names("amd64")) + 20
    asked = [*range(0, highest, 7), X32, X32 - 1, X32 + 1, 2**31, 2**32 - 1]
    for arch in (AUDIT_ARCH["amd64"], AUDIT_ARCH["386"], 0, AUDIT_ARCH["amd64"] + 1):
        for at in asked:
            words = [at, arch, *([0] * 14)]
            pairs = [(w, z3.BitVecVal(v, 32)) for w, v in zip(result.words, words, strict=True)]
            symbolic = z3.simplify(z3.substitute(result.answer, *pairs)).as_long()
            assert symbolic == answer(compiled, words), (at, arch)


def test_a_filter_with_one_wrong_instruction_is_not_proved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each fault that changes what the program does is found, and its input is a true one."""
    granted = some("amd64", 6)
    made = profile("amd64", granted)
    good = program(made, "amd64")
    rng = random.Random(7)
    highest = max(number("amd64", n) for n in names("amd64")) + 5
    inputs = [[at, arch, *([0] * 14)] for at in (*range(highest), X32 + 1) for arch in (AUDIT_ARCH["amd64"], AUDIT_ARCH["386"])]  # fmt: skip
    found = 0
    for _ in range(12):
        at = rng.randrange(len(good.instructions) - 2)
        bent = bend(good, at, rng)
        same = all(answer(bent.instructions, i) == answer(good.instructions, i) for i in inputs)
        monkeypatch.setattr(room, "program", lambda *_, bent=bent: bent)
        wrong = prove_filter(made, "amd64", granted).disagreement
        assert (wrong is None) == same, (at, bent.instructions[at])
        if wrong is not None:
            assert answer(bent.instructions, wrong.words) == wrong.answer
            found += 1
    assert found > 4


def bend(good: Program, at: int, rng: random.Random) -> Program:
    """The program with one instruction changed: a constant, or a jump the other way."""
    old = good.instructions[at]
    new: Instruction = rng.choice(
        (
            replace(old, k=old.k + 1 if old.code in (0x15, 0x25, 0x35) else old.k),
            replace(old, jt=old.jf, jf=old.jt),
        )
    )
    changed = (*good.instructions[:at], new, *good.instructions[at + 1 :])
    return replace(good, instructions=changed)


def test_the_kernel_confirms_the_counterexample() -> None:
    """The input that a proof fails with is let through by the kernel that runs the filter."""
    architecture = kernel.HERE
    granted = [n for n in some(architecture, 8) if n not in ("exit", "exit_group")]
    made = profile(architecture, granted)
    compiled = program(made, architecture)
    one = next(n for n in granted if n not in compiled.left_out)
    wrong = prove_filter(made, architecture, [n for n in granted if n != one]).disagreement
    assert wrong is not None
    numbers = {n: number(architecture, n) for n in names(architecture)}
    assert kernel.answers(made, numbers, [wrong.words[0]]) == [kernel.ALLOWED]


def test_a_filter_of_the_other_order_of_bytes_is_not_made() -> None:
    with pytest.raises(PolicycError) as refused:
        program(profile("s390x", ["read"]), "s390x")
    assert refused.value.code == "PC3154"
