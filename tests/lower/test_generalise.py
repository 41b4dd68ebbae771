"""Generalisation through the front door: what was seen is granted, and seeing that again adds nothing."""

from __future__ import annotations

import random

from support.agents import lowered, policy
from support.observations import observed

from policyc.catalog.setup_only import SETUP_ONLY
from policyc.catalog.syscalls import names
from policyc.envelope.observation import (
    ExecSeen,
    FileSeen,
    KubeSeen,
    ModelSeen,
    Observation,
    Observed,
    Phase,
    Sighting,
    SyscallSeen,
    ToolSeen,
    is_vain,
)
from policyc.envelope.provenance import Evidence
from policyc.semantics.protected import protected

WIDE = policy()


def points(one: Observation) -> list[tuple[str, dict[str, str]]]:
    """The domain and points that an observation is, taken literally."""
    match one:
        case SyscallSeen():
            return [("syscalls", {"architecture": one.architecture, "name": one.name})]
        case ExecSeen():
            return [("exec", {"path": one.path})]
        case FileSeen():
            return [("files", {"path": one.path, "mode": mode}) for mode in one.modes]
        case ToolSeen():
            return [("tools", {"server": one.server, "tool": one.tool})]
        case ModelSeen():
            return [("models", {"model": one.model, "gateway": one.gateway})]
        case KubeSeen():
            point = {"verb": one.verb, "group": one.group, "resource": one.resource}
            return [("kube", {**point, "namespace": one.namespace, "name": one.name})]
    return []


def is_set_up(one: Observation) -> bool:
    phase = one.sighting.phase
    called = isinstance(one, SyscallSeen) and one.name in SETUP_ONLY
    return phase is Phase.SETUP or (phase is Phase.UNKNOWN and called)


def test_what_was_seen_is_granted() -> None:
    held = 0
    for seed in range(300):
        seen = observed(random.Random(seed))
        envelope, _ = lowered(WIDE, seen)
        for one in (one for one in seen.observations if not is_vain(one)):
            for domain, point in points(one):
                guarded = domain in protected() and point in protected()[domain]
                if not is_set_up(one) and not guarded:
                    assert point in envelope.domains[domain], (seed, one)
                    held += 1
    assert held > 500


def again(calls: list[str]) -> Observed:
    sighting = Sighting((Evidence("b.json", "/x"),), Phase.APPLICATION)
    return Observed(tuple(SyscallSeen("amd64", call, sighting) for call in calls))


def granted_calls(seen: Observed) -> list[str]:
    region = lowered(WIDE, seen)[0].domains["syscalls"]
    return [n for n in sorted(names("amd64")) if {"architecture": "amd64", "name": n} in region]


def test_seeing_all_that_was_granted_grants_no_more() -> None:
    rng = random.Random(1)
    for _ in range(40):
        calls = rng.sample(sorted(names("amd64") - SETUP_ONLY), 5)
        granted = granted_calls(again(calls))
        assert set(calls) <= set(granted)
        assert granted_calls(again(granted)) == granted


def test_a_typed_path_is_its_own_type() -> None:
    paths = (
        "/proc/7/stat", "/tmp/123e4567-e89b-12d3-a456-426614174000/x", "/data/a", "/proc/self/fd/9",
        "/var/lib/x/d41d8cd98f00b204e9800998ecf8427e",
    )  # fmt: skip
    sighting = Sighting((Evidence("b.json", "/x"),), Phase.APPLICATION)
    for path in paths:
        once, _ = lowered(WIDE, Observed((FileSeen(path, frozenset({"read"}), sighting),)))
        (box,) = once.domains["files"].encode()
        assert isinstance(box, dict)
        patterns = box["path"]
        assert isinstance(patterns, list)
        (typed,) = patterns
        twice, _ = lowered(WIDE, Observed((FileSeen(str(typed), frozenset({"read"}), sighting),)))
        assert twice.domains == once.domains
