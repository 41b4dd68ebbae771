"""Executables and files: typed paths, so that the next run's pid or volume is no new path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policyc.envelope.domains import EXEC, FILES
from policyc.envelope.observation import ExecSeen, FileSeen, Sighting
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, seen
from policyc.lower.lines import quoted

_PATH = EXEC.axis("path")
_MODE = FILES.axis("mode")


def executed(observation: ExecSeen) -> Iterator[Candidate]:
    region, line = _executed(observation.path)
    yield Candidate(region, _reason(observation.path, observation.sighting), line)


def opened(observation: FileSeen) -> Iterator[Candidate]:
    if observation.modes:
        region, line = _opened(observation.path, observation.modes)
        yield Candidate(region, _reason(observation.path, observation.sighting), line)


@lru_cache(maxsize=1 << 14)
def _executed(path: str) -> tuple[Region, str]:
    return EXEC.box({"path": _PATH.single(path)}), f"exec {_written(path)}"


@lru_cache(maxsize=1 << 15)
def _opened(path: str, modes: frozenset[str]) -> tuple[Region, str]:
    region = FILES.box({"path": _PATH.single(path), "mode": _MODE.parse(sorted(modes))})
    return region, f"files {', '.join(sorted(modes))} {_written(path)}"


def _written(path: str) -> str:
    (pattern,) = _PATH.write(_PATH.single(path))
    return quoted(pattern)


def _reason(path: str, sighting: Sighting) -> Derivation:
    typed = _PATH.point(path)
    if typed == path:
        return seen(Step.OBSERVED, sighting)
    return seen(Step.TYPED_PATH, sighting, f"{path} has the type {typed}")
