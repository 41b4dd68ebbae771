"""Syscalls: the equivalents of a call, on the architecture where it was seen and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from policyc.catalog.syscall_classes import class_of
from policyc.catalog.syscalls import names
from policyc.envelope.domains import ARCHITECTURES, SYSCALLS
from policyc.envelope.observation import SyscallSeen
from policyc.envelope.provenance import Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, seen


def generalise(observation: SyscallSeen) -> Iterator[Candidate]:
    """The call and its equivalents; ValueError when the architecture has no such call."""
    own, label, equivalents = _meant(observation.architecture, observation.name)
    yield Candidate(own[0], seen(Step.OBSERVED, observation.sighting), own[1])
    if equivalents:
        note = f"equivalent of {observation.name} (class {label})"
        equivalent = seen(Step.SYSCALL_CLASS, observation.sighting, note)
        for region, line in equivalents:
            yield Candidate(region, equivalent, line)


_Written: TypeAlias = tuple[Region, str]
"""A call as a region and as a line."""


@lru_cache(maxsize=1 << 12)
def _meant(architecture: str, name: str) -> tuple[_Written, str, tuple[_Written, ...]]:
    """The call, the label of its class, and the others of the class; agents have most in common."""
    if architecture not in ARCHITECTURES or name not in names(architecture):
        raise ValueError(f"syscalls {name} on {architecture}")
    label, members = class_of(name, architecture)
    others = tuple(_written(architecture, member) for member in sorted(members - {name}))
    return _written(architecture, name), label, others


@lru_cache(maxsize=1 << 12)
def _written(architecture: str, name: str) -> _Written:
    region = SYSCALLS.written({"architecture": architecture, "name": name})
    return region, f"syscalls {name} on {architecture}"
