"""Seccomp against the kernel: every call number gets the answer that the envelope gives it."""

from __future__ import annotations

import random
from dataclasses import replace
from errno import EINTR, ENOSYS, EPERM
from signal import SIGCONT, SIGSTOP, SIGUSR1, Signals
from typing import Any

import pytest
from support.envelopes import envelope
from support.oracle.kernel import ALLOWED, HERE, NOT_PROBED, answers, interrupted, libseccomp
from support.scale import MANY

from policyc.catalog.startup import startup
from policyc.catalog.syscalls import names, number, table
from policyc.catalog.unseen import unseen
from policyc.emit.seccomp import SECCOMP, path_of
from policyc.pipeline.artifacts import from_bytes, to_bytes

pytestmark = pytest.mark.system


@pytest.mark.parametrize("chunk", range(10))
def test_the_kernel_agrees_on_every_number(chunk: int) -> None:
    numbers = table()[HERE]
    by_number = {n: name for name, n in numbers.items()}
    highest = max(numbers.values()) + 50
    for seed in range(chunk * MANY // 10, (chunk + 1) * MANY // 10):
        case = envelope(random.Random(seed), (HERE,))
        artifact = next(a for a in SECCOMP.emit(case).artifacts if a.path == path_of(HERE))
        profile = from_bytes(artifact.path, to_bytes(artifact.path, artifact.document))
        assert isinstance(profile, dict)
        starting = {n for r in case.cluster.runtimes for n in startup(r, HERE).names}
        beside = starting | unseen(HERE).keys()
        probed = [n for n in range(highest + 1) if n not in NOT_PROBED.get(HERE, ())]
        for at, answer in zip(probed, answers(profile, numbers, probed), strict=True):
            name = by_number.get(at)
            if name is None:
                expected = ENOSYS
            else:
                point = {"architecture": HERE, "name": name}
                granted = point in case.domains["syscalls"] or name in beside
                expected = ALLOWED if granted else EPERM
            assert answer == expected, (seed, at, name)


@pytest.mark.parametrize(
    ("signals", "continues", "errno"),
    [
        ((SIGSTOP, SIGCONT), "restart_syscall", 0),  # as of a paused container
        ((SIGUSR1,), "rt_sigreturn", EINTR),
    ],
)
def test_what_signals_interrupt_goes_on(
    signals: tuple[Signals, ...], continues: str, errno: int
) -> None:
    """By a call that no program makes, under the profile of an agent that is granted nothing."""
    numbers = table()[HERE]
    case = next(
        drawn
        for drawn in (envelope(random.Random(seed), (HERE,)) for seed in range(MANY))
        if {"architecture": HERE, "name": continues} not in drawn.domains["syscalls"]
    )
    # The start-up of crun has neither.
    case = replace(case, cluster=replace(case.cluster, runtimes=("crun",)))
    profile: Any = next(a for a in SECCOMP.emit(case).artifacts if a.path == path_of(HERE)).document
    assert interrupted(profile, numbers, *signals) == errno
    for entry in profile["syscalls"]:
        entry["names"] = [name for name in entry["names"] if name != continues]
    if continues == "rt_sigreturn":
        with pytest.raises(AssertionError, match="it has ended"):
            interrupted(profile, numbers, *signals)
    else:
        assert interrupted(profile, numbers, *signals) == ENOSYS


def test_our_numbers_are_libseccomps() -> None:
    """For every call that the installed libseccomp knows by name, on this architecture."""
    library = libseccomp()
    known = 0
    for name in names(HERE):
        found = library.seccomp_syscall_resolve_name(name.encode())
        if found >= 0:
            assert found == number(HERE, name), name
            known += 1
    assert known > 300
