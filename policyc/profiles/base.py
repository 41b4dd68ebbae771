"""The AgentProfile: what recorders say of one container of one workload template.

A profile is a set of runs and, for each domain, items with the runs that saw them.
Joining two profiles is the union of both, so merging is free of order and
repetition by construction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from policyc.core.canonical import Json, canonical_json
from policyc.core.diagnostics import Diagnostic, Outcome

API_VERSION = "policyc.dev/v1"
KIND = "AgentProfile"

PHASES = ("setup", "application", "unknown")
COVERAGE = ("from-creation", "from-exec", "attached-late", "unknown")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an item: its JSON form, and whether it must be there."""

    form: str  # text, port, texts, labels, flag or one of `choices`
    required: bool = True
    choices: tuple[str, ...] = ()


_PEER = {
    "protocol": Field("text", choices=("tcp", "udp", "sctp")),
    "port": Field("port"),
    "address": Field("text", required=False),
    "resolved": Field("texts", required=False),
    "hosts": Field("texts", required=False),
    "namespaceLabels": Field("labels", required=False),
    "podLabels": Field("labels", required=False),
}

_CALLED = {
    "served": Field("flag", required=False),
    "claimed": Field("flag", required=False),
}

DOMAIN_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "syscalls": {
        "architecture": Field("text"),
        "name": Field("text"),
        "denied": Field("flag", required=False),
    },
    "executables": {"path": Field("text"), "arguments": Field("texts", required=False)},
    "files": {"path": Field("text"), "modes": Field("texts", choices=("read", "write"))},
    "egress": {**_PEER, "unanswered": Field("flag", required=False)},
    "ingress": _PEER,
    "kube": {
        "verb": Field("text"),
        "group": Field("text", required=False),
        "resource": Field("text", required=False),
        "namespace": Field("text", required=False),
        "name": Field("text", required=False),
        "url": Field("text", required=False),
        "grantedBy": Field("text", required=False),
    },
    "capabilities": {"name": Field("text"), "granted": Field("flag")},
    "tools": {"server": Field("text"), "tool": Field("text"), **_CALLED},
    "models": {"model": Field("text"), "gateway": Field("text", required=False), **_CALLED},
    "memory": {
        "store": Field("text"),
        "operation": Field("text", choices=("read", "write", "delete")),
        "scope": Field("text", required=False),
    },
    "packages": {
        "kind": Field("text", choices=("python-distribution", "python-module", "node-package")),
        "name": Field("text"),
        "path": Field("text"),
        "version": Field("text", required=False),
    },
    "modelFiles": {
        "path": Field("text"),
        "format": Field("text", required=False),
        "name": Field("text", required=False),
        "version": Field("text", required=False),
        "digest": Field("text", required=False),
    },
}
"""Domain -> field -> form: the decoder, the schema and the documentation follow this table."""

INVENTORY = frozenset({"packages", "modelFiles"})
"""Domains that say what a workload is made of: they are kept in profiles, and grant nothing."""

VAIN = frozenset({"denied", "unanswered", "claimed"})
"""Flags of what was only tried: seccomp refused the call, the peer never answered, nobody is known to have been called."""
NAMES = ("resolved", "hosts")
"""Fields of a peer: the names for which an answer of a name server gave its address, and those that nothing but the
program itself says.  Profiles from before `resolved` do not tell them apart, so theirs are of the second kind."""

Value: TypeAlias = "str | int | bool | tuple[str, ...] | tuple[tuple[str, str], ...]"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was seen, and how.

    ``count`` is the largest count of one run; ``runs`` are ids of the profile's runs.
    ``pointer`` is where the item stands in the file that it was read from.
    """

    values: tuple[tuple[str, Value], ...]
    runs: frozenset[str]
    phase: str = "unknown"
    first_seen: str = ""
    last_seen: str = ""
    count: int = 1
    pointer: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[object, ...]:
        return (self.values, self.phase)

    @property
    def is_vain(self) -> bool:
        """Whether it was only tried, which is nothing that a workload does, and grants nothing."""
        return any(value is True and name in VAIN for name, value in self.values)

    @property
    def party(self) -> tuple[object, ...]:
        """Whom a peer's item is about: its address, whatever its names, or else these."""
        apart = {"unanswered", *NAMES} if self.text("address") else {"unanswered"}
        return (tuple((k, v) for k, v in self.values if k not in apart), self.phase)

    def text(self, name: str) -> str:
        """A field's text; empty where the item has none of that name."""
        return next((v for k, v in self.values if k == name and isinstance(v, str)), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a field; none where the item has none of that name."""
        found = dict(self.values).get(name, ())
        return tuple(map(str, found)) if isinstance(found, tuple) else ()

    @property
    def is_served(self) -> bool:
        """Whether it is another's call of a tool or model, which came to this workload: it uses nothing by that."""
        return ("served", True) in self.values


@dataclass(frozen=True, slots=True)
class Run:
    """One recording from start to end of one replica.

    ``loss`` counts lost events by domain.  ``sessions`` is how many conversations or jobs it
    served, 0 when the source does not tell; ``behaviours`` counts what of
    ``policyc.catalog.vocabulary.BEHAVIOURS`` the source saw happen and no item shows.
    """

    id: str
    start: str = ""
    end: str = ""
    coverage: str = "unknown"
    kernel: str = ""
    node: str = ""
    template_hash: str = ""
    image_digest: str = ""
    hooks_attached: frozenset[str] = frozenset()
    hooks_missing: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()
    loss: tuple[tuple[str, int], ...] = ()
    sessions: int = 0
    behaviours: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class WorkloadKey:
    """The workload template and container that a profile is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    container: str


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """The profile of a container (``workload``) or of a ServiceAccount's API calls (``identity``)."""

    workload: WorkloadKey | None
    identity: str = ""  # namespace/name of the ServiceAccount, for audit logs
    tool: str = ""
    version: str = ""
    runs: tuple[Run, ...] = ()
    items: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)

    @property
    def subject(self) -> tuple[WorkloadKey | None, str]:
        return (self.workload, self.identity)


class ProfileSource(Protocol):
    """One recording format."""

    @property
    def name(self) -> str: ...

    def sniff(self, head: Json) -> bool:
        """Whether the first document of a file is of this format."""

    def read(self, label: str, documents: list[Json]) -> Outcome[tuple[AgentProfile, ...]]:
        """The profiles of a file's documents."""


def fault(label: str, code: str, message: str, hint: str | None = None) -> Diagnostic:
    """A diagnostic about a profile file."""
    return Diagnostic(code, f"`{label}`: {message}", path=label, help=hint)


def join_items(items: Iterable[Item]) -> tuple[Item, ...]:
    """Equal things once, with all the runs that saw them, sorted; of a peer that answered no vain try is left."""
    found: dict[tuple[object, ...], Item] = {}
    for item in settled(items):
        other = found.get(item.key)
        found[item.key] = item if other is None else _join(other, item)
    answered = parties(found.values())
    left = (i for i in found.values() if not (i.is_vain and i.party in answered))
    return tuple(sorted(left, key=sort_key))


def parties(peers: Iterable[Item]) -> frozenset[object]:
    """Of items of one domain those that answered, where any did not; a try counts for nothing beside them."""
    items = tuple(peers)
    if not any(("unanswered", True) in item.values for item in items):
        return frozenset()
    return frozenset(item.party for item in items if not item.is_vain)


def settled(items: Iterable[Item]) -> Iterator[Item]:
    """The same, where a name that only the program gave an address is one that an answer gave it elsewhere among them.

    Only of who answered: a vain try is left out as soon as there is an answer, and with it what it says.
    """
    known: dict[str, set[str]] = {}
    listed = tuple(items)
    for item in listed:
        if not item.is_vain and (names := item.texts("resolved")):
            known.setdefault(item.text("address"), set()).update(names)
    for item in listed:
        yield _settled(item, known) if item.texts("hosts") else item


def _settled(item: Item, known: Mapping[str, Collection[str]]) -> Item:
    claims, resolved = set(item.texts("hosts")), set(item.texts("resolved"))
    if item.text("address"):
        resolved |= claims.intersection(known.get(item.text("address"), ()))
    named = {"resolved": resolved, "hosts": claims - resolved}
    values = dict(item.values) | {k: tuple(sorted(names)) for k, names in named.items()}
    order = [k for k in _PEER | values if k in values and values[k] != ()]
    return replace(item, values=tuple((k, values[k]) for k in order))


def sort_key(item: Item) -> bytes:
    return canonical_json([[k, repr(v)] for k, v in item.values]) + item.phase.encode()


def _join(a: Item, b: Item) -> Item:
    firsts = [t for t in (a.first_seen, b.first_seen) if t]
    return replace(
        a,
        runs=a.runs | b.runs,
        first_seen=min(firsts) if firsts else "",
        last_seen=max(a.last_seen, b.last_seen),
        count=max(a.count, b.count),
        pointer=min(a.pointer, b.pointer),
    )


def join_profiles(profiles: Iterable[AgentProfile]) -> tuple[AgentProfile, ...]:
    """One profile for each subject, whatever the order and however often each is given."""
    groups: dict[tuple[WorkloadKey | None, str], list[AgentProfile]] = {}
    for profile in profiles:
        groups.setdefault(profile.subject, []).append(profile)
    joined = [_join_group(group) for group in groups.values()]
    return tuple(sorted(joined, key=lambda p: repr(p.subject)))


def _join_group(group: list[AgentProfile]) -> AgentProfile:
    runs: dict[str, Run] = {}
    for profile in group:
        for run in profile.runs:
            other = runs.get(run.id)
            runs[run.id] = run if other is None else _join_runs(other, run)
    domains = sorted({domain for profile in group for domain in profile.items})
    tools = sorted({profile.tool for profile in group})
    versions = sorted({profile.version for profile in group})
    return AgentProfile(
        group[0].workload,
        group[0].identity,
        "+".join(t for t in tools if t),
        "+".join(v for v in versions if v),
        tuple(runs[name] for name in sorted(runs)),
        {
            domain: join_items(item for p in group for item in p.items.get(domain, ()))
            for domain in domains
        },
    )


def _join_runs(a: Run, b: Run) -> Run:
    """Two reports of one run: the union of what they know, the worse of what they lost."""
    starts = [t for t in (a.start, b.start) if t]
    return Run(
        a.id,
        min(starts) if starts else "",
        max(a.end, b.end),
        max(a.coverage, b.coverage, key=COVERAGE.index),
        max(a.kernel, b.kernel),
        max(a.node, b.node),
        max(a.template_hash, b.template_hash),
        max(a.image_digest, b.image_digest),
        a.hooks_attached | b.hooks_attached,
        a.hooks_missing | b.hooks_missing,
        a.blind | b.blind,
        _larger(a.loss, b.loss),
        max(a.sessions, b.sessions),
        _larger(a.behaviours, b.behaviours),
    )


def _larger(
    a: tuple[tuple[str, int], ...], b: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    """Of two counts by name the larger, name by name."""
    counts = dict(a)
    for name, count in b:
        counts[name] = max(count, counts.get(name, 0))
    return tuple(sorted(counts.items()))
