"""Recordings drawn and written down: runs of one container, and what each of them saw."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policyc.profiles.agent_profile import to_bytes
from policyc.profiles.base import AgentProfile, Item, Run, Value, WorkloadKey, join_items

WORKLOAD = WorkloadKey("apps/v1", "Deployment", "demo", "bot", "main")
IMAGE = "sha256:" + "ab" * 32
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)


def time(hours: float) -> str:
    """So many hours after the first of August, as profiles write times."""
    return (BEGIN + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(number: int, every_hours: float = 6, **fields: object) -> Run:
    """The run of a number: one after the other, each from the start of a container's life."""
    begin = number * every_hours
    whole = Run(
        f"run-{number:04}",
        time(begin),
        time(begin + every_hours * 0.9),
        "from-creation",
        node="node-a",
        image_digest=IMAGE,
    )
    return replace(whole, **fields)  # type: ignore[arg-type]  # names of its fields


def call(name: str) -> tuple[tuple[str, Value], ...]:
    return (("architecture", "amd64"), ("name", name))


def host(name: str) -> tuple[tuple[str, Value], ...]:
    return (("protocol", "tcp"), ("port", 443), ("address", "192.0.2.1"), ("resolved", (name,)))


def file(path: str, *modes: str) -> tuple[tuple[str, Value], ...]:
    return (("path", path), ("modes", modes or ("read",)))


def tool(server: str, name: str) -> tuple[tuple[str, Value], ...]:
    return (("server", server), ("tool", name))


Seen = Mapping[str, Iterable[tuple[tuple[str, Value], ...]]]
"""Domain of a profile -> the values of what a run saw in it."""


def profile(
    runs: Sequence[Run],
    seen: Sequence[Seen],
    tool_name: str = "recorder",
    workload: WorkloadKey = WORKLOAD,
) -> AgentProfile:
    """The profile of runs, of which each saw its entry of ``seen``."""
    items: dict[str, list[Item]] = {}
    for one, what in zip(runs, seen, strict=True):
        for domain, values in what.items():
            items.setdefault(domain, []).extend(
                Item(v, frozenset({one.id}), "application") for v in values
            )
    joined = {domain: join_items(found) for domain, found in items.items()}
    return AgentProfile(workload, "", tool_name, "1", tuple(runs), joined)


def steady(number: int, seen: Seen | None = None, **fields: object) -> AgentProfile:
    """So many runs that all saw the same."""
    what = seen if seen is not None else {"syscalls": [call("read")]}
    return profile([run(i, **fields) for i in range(number)], [what] * number)


def write(folder: Path, *profiles: AgentProfile) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, one in enumerate(profiles):
        (folder / f"{i:03}.json").write_bytes(to_bytes(one))


@dataclass(frozen=True)
class Family:
    """A population of runs with known truth: each item comes in a run with its own probability."""

    chances: tuple[float, ...]

    def draw(self, rng: random.Random) -> frozenset[str]:
        return frozenset(str(i) for i, p in enumerate(self.chances) if rng.random() < p)

    def uncovered(self, known: frozenset[str]) -> float:
        """The probability that a run brings something that is not known."""
        covered = 1.0
        for i, p in enumerate(self.chances):
            if str(i) not in known:
                covered *= 1 - p
        return 1 - covered

    def new_items(self, known: frozenset[str]) -> float:
        """The expected number of items of a run that are not known."""
        return sum(p for i, p in enumerate(self.chances) if str(i) not in known)


def family(rng: random.Random) -> Family:
    """A core that every run shows, a body that many show, and a tail that is as long as it is thin."""
    core = [1.0] * rng.randint(2, 6)
    body = [rng.uniform(0.1, 0.9) for _ in range(rng.randint(0, 15))]
    tail = [rng.choice((0.05, 0.02, 0.01, 0.003)) for _ in range(rng.randint(0, 30))]
    return Family((*core, *body, *tail))
