"""Profiles to observations: what was seen of one agent, with the evidence for each item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import (
    CapabilitySeen,
    Direction,
    ExecSeen,
    FileSeen,
    KubeSeen,
    MemorySeen,
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
from policyc.profiles.base import (
    INVENTORY,
    AgentProfile,
    Item,
    Value,
    WorkloadKey,
    parties,
    settled,
)
from policyc.profiles.recency import recent


def observed(
    profiles: Sequence[tuple[str, AgentProfile]],
    workload: WorkloadRef | None,
    service_account: str,
    since: str = "",
) -> Observed:
    """The observations of all profiles of the agent; ``profiles`` are pairs of file and profile.

    What was last seen before ``since`` (YYYY-MM-DD, or empty) is none.
    """
    mine = [(at, p) for at, p in profiles if is_about(p, workload, service_account)]
    runs = {run.id: run for _, profile in mine for run in profile.runs}
    lossy = frozenset(d for run in runs.values() for d, count in run.loss if count)
    fresh, stale = recent(mine, since)
    return Observed(tuple(_observations(fresh, len(runs))), lossy, len(runs), stale)


def strangers(
    profiles: Sequence[tuple[str, AgentProfile]],
    workload: WorkloadRef | None,
    service_account: str,
) -> dict[str, tuple[str, ...]]:
    """Each file that says nothing about the agent -> whom it is about, sorted; in the order of the files."""
    about: dict[str, set[str]] = {}
    for label, profile in profiles:
        about.setdefault(label, set()).add(_subject(profile))
    own = {at for at, p in profiles if is_about(p, workload, service_account)}
    return {at: tuple(sorted(subjects)) for at, subjects in about.items() if at not in own}


def is_about(profile: AgentProfile, workload: WorkloadRef | None, service_account: str) -> bool:
    """Whether a profile is about an agent's container, or about its account's requests."""
    if profile.workload is None:
        return bool(service_account) and profile.identity == service_account
    key = profile.workload
    return workload is not None and (key.kind, key.namespace, key.name, key.container) == (
        workload.kind,
        workload.namespace,
        workload.name,
        workload.container,
    )


def _subject(profile: AgentProfile) -> str:
    key: WorkloadKey | None = profile.workload
    if key is None:
        return f"ServiceAccount {profile.identity}"
    return f"{key.kind} {key.namespace}/{key.name} container {key.container}"


def _observations(
    profiles: Iterable[tuple[str, AgentProfile]], of_runs: int
) -> Iterable[Observation]:
    """Equal items of all files as one observation, with every place that shows it."""
    groups: dict[tuple[str, tuple[object, ...]], list[tuple[str, Item]]] = {}
    mine = tuple(profiles)
    for domain in sorted({domain for _, profile in mine for domain in profile.items} - INVENTORY):
        places = [(at, i) for at, p in mine for i in p.items.get(domain, ()) if not i.is_served]
        for label, item in _met(places) if domain == "egress" else places:
            groups.setdefault((domain, item.key), []).append((label, item))
    # Comparable: a field of a domain has one type, and other fields have other names.
    for key in sorted(groups):
        places = groups[key]
        yield observation_of(key[0], places[0][1], _sighting(places, of_runs))


def _met(places: Sequence[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
    """Peers with the names that any of them was resolved from, and of who answered no vain try."""
    items = tuple(settled(item for _, item in places))
    answered = parties(items)
    for (label, _), item in zip(places, items, strict=True):
        if not (item.is_vain and item.party in answered):
            yield label, item


def observation_of(domain: str, item: Item, sighting: Sighting) -> Observation:
    """An item of a profile's domain as an observation; the domain is none of ``INVENTORY``."""
    return _MAKERS[domain](dict(item.values), sighting)


def _sighting(places: list[tuple[str, Item]], of_runs: int) -> Sighting:
    if len(places) == 1:
        ((label, item),) = places
        evidence, phase = (Evidence(label, item.pointer),), Phase(item.phase)
        return Sighting(evidence, phase, len(item.runs), of_runs, item.first_seen, item.last_seen)
    items = [item for _, item in places]
    firsts = [item.first_seen for item in items if item.first_seen]
    return Sighting(
        tuple(sorted(Evidence(label, item.pointer) for label, item in places)),
        Phase(items[0].phase),
        len(frozenset().union(*(item.runs for item in items))),
        of_runs,
        min(firsts) if firsts else "",
        max(item.last_seen for item in items),
    )


_Fields: TypeAlias = Mapping[str, Value]
"""The values of an item by name, of the types that DOMAIN_FIELDS gives them."""


def _text(fields: _Fields, name: str) -> str:
    found = fields.get(name, "")
    assert isinstance(found, str)
    return found


def _peer(direction: Direction) -> Callable[[_Fields, Sighting], Observation]:
    def make(fields: _Fields, sighting: Sighting) -> Observation:
        port = fields["port"]
        assert isinstance(port, int)
        return PeerSeen(
            direction,
            _text(fields, "protocol"),
            port,
            _text(fields, "address"),
            fields.get("resolved", ()),  # type: ignore[arg-type]  # texts by DOMAIN_FIELDS
            fields.get("namespaceLabels", ()),  # type: ignore[arg-type]  # labels by DOMAIN_FIELDS
            fields.get("podLabels", ()),  # type: ignore[arg-type]  # labels by DOMAIN_FIELDS
            "podLabels" in fields,
            sighting,
            bool(fields.get("unanswered", False)),
            fields.get("hosts", ()),  # type: ignore[arg-type]  # texts by DOMAIN_FIELDS
        )

    return make


def _kube(fields: _Fields, sighting: Sighting) -> Observation:
    return KubeSeen(
        _text(fields, "verb"),
        _text(fields, "group"),
        _text(fields, "resource"),
        _text(fields, "namespace"),
        _text(fields, "name"),
        _text(fields, "url"),
        _text(fields, "grantedBy"),
        sighting,
    )


def _file(fields: _Fields, sighting: Sighting) -> Observation:
    modes = fields["modes"]
    assert isinstance(modes, tuple)
    return FileSeen(_text(fields, "path"), frozenset(map(str, modes)), sighting)


_MAKERS: dict[str, Callable[[_Fields, Sighting], Observation]] = {
    "syscalls": lambda f, s: SyscallSeen(
        _text(f, "architecture"), _text(f, "name"), s, bool(f.get("denied", False))
    ),
    "executables": lambda f, s: ExecSeen(_text(f, "path"), s),
    "files": _file,
    "egress": _peer(Direction.EGRESS),
    "ingress": _peer(Direction.INGRESS),
    "kube": _kube,
    "capabilities": lambda f, s: CapabilitySeen(_text(f, "name"), bool(f["granted"]), s),
    "tools": lambda f, s: ToolSeen(
        _text(f, "server"), _text(f, "tool"), s, bool(f.get("claimed", False))
    ),
    "models": lambda f, s: ModelSeen(
        _text(f, "model"), _text(f, "gateway"), s, bool(f.get("claimed", False))
    ),
    "memory": lambda f, s: MemorySeen(
        _text(f, "store"), _text(f, "operation"), _text(f, "scope"), s
    ),
}
