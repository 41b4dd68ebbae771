"""Syscalls: the equivalents of a call, on the architecture where it was seen and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policyc.catalog.syscall_classes import class_of
from policyc.catalog.syscalls import names
from policyc.envelope.domains import ARCHITECTURES, SYSCALLS
from policyc.envelope.observation import SyscallSeen
from policyc.envelope.provenance import Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, seen


def generalise(observation: SyscallSeen) -> Iterator[Candidate]:
    """The call and its equivalents; ValueError when the architecture has no such call."""
    architecture, name = observation.architecture, observation.name
    if architecture not in ARCHITECTURES or name not in names(architecture):
        raise ValueError(f"syscalls {name} on {architecture}")
    label, members = class_of(name, architecture)
    own = seen(Step.OBSERVED, observation.sighting)
    yield Candidate(_call(architecture, name), own, _line(architecture, name))
    if len(members) > 1:
        note = f"equivalent of {name} (class {label})"
        equivalent = seen(Step.SYSCALL_CLASS, observation.sighting, note)
        for member in sorted(members - {name}):
            yield Candidate(_call(architecture, member), equivalent, _line(architecture, member))


def _line(architecture: str, name: str) -> str:
    return f"syscalls {name} on {architecture}"


@lru_cache(maxsize=1 << 13)
def _call(architecture: str, name: str) -> Region:
    return SYSCALLS.written({"architecture": architecture, "name": name})
