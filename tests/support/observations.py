"""Random observations, with evidence of their own."""

from __future__ import annotations

import random
from dataclasses import replace

from policyc.envelope.observation import (
    Direction,
    ExecSeen,
    FileSeen,
    KubeSeen,
    ModelSeen,
    Observation,
    Observed,
    PeerSeen,
    Phase,
    Sighting,
    SyscallSeen,
    ToolSeen,
)
from policyc.envelope.provenance import Evidence

CALLS = ("open", "openat", "read", "clone", "mount", "poll", "keyctl", "socket", "stat")
SPACE = (("kubernetes.io/metadata.name", "web"),)


def sighting(rng: random.Random) -> Sighting:
    places = {
        Evidence(rng.choice(("a.json", "b.json")), f"/spec/x/{rng.randrange(500)}")
        for _ in range(rng.randint(1, 2))
    }
    day = rng.randint(1, 28)
    return Sighting(
        tuple(sorted(places)), rng.choice(list(Phase)), 1, 3, "", f"2026-08-{day:02d}T00:00:00Z"
    )


def one(rng: random.Random) -> Observation:
    s = sighting(rng)
    match rng.randrange(9):
        case 0 | 1:
            return SyscallSeen("amd64", rng.choice(CALLS), s, denied=rng.random() < 0.1)
        case 2:
            return ExecSeen(rng.choice(("/bin/sh", "/usr/bin/python3", "/app/x")), s)
        case 3:
            path = rng.choice(
                ("/etc/shadow", "/proc/7/stat", "/proc/self/environ", "/data/x", "/tmp/a")
            )
            return FileSeen(path, frozenset({rng.choice(("read", "write"))}), s)
        case 4:
            address = rng.choice(
                (
                    "169.254.169.254",
                    "198.51.100.1",
                    "198.51.100.2",
                    "198.51.100.3",
                    "10.0.0.9",
                    "10.96.0.40",
                    "2001:db8::1",
                )
            )
            port, is_try = rng.choice((443, 8080)), rng.random() < 0.2
            return PeerSeen(Direction.EGRESS, "tcp", port, address, sighting=s, unanswered=is_try)
        case 5:
            names, is_try = ("api.example.com",), rng.random() < 0.2
            return PeerSeen(
                Direction.EGRESS, "tcp", 443, "192.0.2.5", names, sighting=s, unanswered=is_try
            )
        case 6:
            labels = (("app", rng.choice("ab")),)
            return PeerSeen(rng.choice(list(Direction)), "tcp", 80, "", (), SPACE, labels, True, s)
        case 7:
            return KubeSeen(
                rng.choice(("get", "list")),
                "",
                rng.choice(("pods", "secrets")),
                rng.choice(("demo", "")),
                rng.choice(("", "x")),
                sighting=s,
            )
        case _:
            return rng.choice(
                (ToolSeen("tracker", "read", s), ModelSeen("anthropic/claude", "", s))
            )


def observed(rng: random.Random, most: int = 14) -> Observed:
    return Observed(tuple(one(rng) for _ in range(rng.randint(0, most))), frozenset(), 3)


def without(seen: Observed, removed: frozenset[Evidence]) -> Observed:
    """The observations as if those items had never been recorded."""
    kept: list[Observation] = []
    for observation in seen.observations:
        left = tuple(e for e in observation.sighting.evidence if e not in removed)
        if left:
            kept.append(replace(observation, sighting=observation.sighting._replace(evidence=left)))
    return Observed(tuple(kept), seen.lossy, seen.runs)
