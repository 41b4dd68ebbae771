"""A compiled filter against its envelope: for every number, architecture and argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from errno import EPERM

import z3

from policyc.catalog.syscalls import names, number
from policyc.core.canonical import Json
from policyc.prove.seccomp.program import ALLOW, AUDIT_ARCH, ERRNO, program
from policyc.prove.seccomp.symbolic import Term, run

_ACTION = 0xFFFF0000


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An input that the filter answers otherwise than the envelope says; ``words`` are those of
    ``seccomp_data``, of which 0 is the call's number and 1 the architecture.
    """

    words: tuple[int, ...]
    answer: int
    says: str


@dataclass(frozen=True, slots=True)
class Proved:
    """``disagreement`` is None when there is none for any input.

    ``left_out`` are granted calls whose names the installed libseccomp does not know:
    filters that it makes deny them.
    """

    disagreement: Disagreement | None
    left_out: tuple[str, ...]


def prove_filter(profile: Mapping[str, Json], architecture: str, granted: Iterable[str]) -> Proved:
    """Whether the profile's program lets exactly the ``granted`` calls of the architecture pass.

    Three claims, each over all 2**512 inputs: what passes is a granted call of this
    architecture; a granted call passes; a known call that is not granted gets EPERM.  Of
    calls that this libseccomp cannot name the last two claim nothing.
    """
    compiled = program(profile, architecture)
    known, silent = names(architecture), compiled.left_out | compiled.unsaid
    wanted = {name for name in granted if name in known}
    result = run(compiled.instructions)
    at = result.words[0]

    def of(calls: Iterable[str]) -> Term:
        numbers = sorted(number(architecture, name) for name in calls)
        return z3.And(result.words[1] == AUDIT_ARCH[architecture], _one_of(at, numbers))

    passes = (result.answer & _ACTION) == ALLOW
    wrong = (
        (z3.And(passes, z3.Not(of(wanted))), "the call passes, and the envelope does not grant it"),
        (z3.And(of(wanted - silent), z3.Not(passes)), "the envelope grants the call"),
        (z3.And(of(known - wanted - silent), result.answer != ERRNO | EPERM), "a known call that is denied gets no EPERM"),
    )  # fmt: skip
    for formula, says in wrong:
        solver = z3.Solver()
        solver.add(formula)
        if solver.check() != z3.unsat:
            return Proved(_shown(solver.model(), result.words, result.answer, says), ())
    return Proved(None, tuple(sorted(wanted & compiled.left_out)))


def _one_of(word: Term, numbers: list[int]) -> Term:
    """Membership, by the runs of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for n in numbers:
        if runs and runs[-1][1] == n - 1:
            runs[-1] = (runs[-1][0], n)
        else:
            runs.append((n, n))
    return z3.Or(*(z3.And(z3.UGE(word, a), z3.ULE(word, b)) for a, b in runs))


def _shown(model: Term, words: tuple[Term, ...], answer: Term, says: str) -> Disagreement:
    def value(term: Term) -> int:
        return int(model.eval(term, model_completion=True).as_long())

    return Disagreement(tuple(map(value, words)), value(answer), says)
