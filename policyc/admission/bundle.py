"""The registered agents: compiled envelopes, found by what a pod cannot choose freely."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from policyc.admission.remembered import Remembered
from policyc.core.canonical import Json, digest
from policyc.core.strict_json import loads
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import Caps, Entry, read_index, servers_of
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region
from policyc.envelope.sealed import Packed, Sealed, Shelf, pack

MANIFEST = "manifest.json"
T = TypeVar("T")
MOST_FACTS_BYTES = 64 << 20
"""Facts of one bundle that are kept, by their size: those of 2,000 agents have room."""
FACT_BYTES = 1024
"""A ceiling, which shares most of its region with the envelope: half of it, measured."""
_DATED_BYTES = 32 * 1024
"""An envelope as it is on a day: 8 to 36 KB, measured on the examples of the project."""
_UNKNOWN: tuple[object, int] = (object(), 0)
WorkloadKey = tuple[str, str, str, str]
"""API group, kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent's envelope, and where the policy speaks of it (``path:line:column``).

    The envelope may be a sealed one: its subject and pins, and all that stands here, are had
    without opening it; the rest may raise UnreadableError.
    """

    envelope: Envelope
    declared_at: str = ""
    caps_at: Caps = field(default_factory=dict)
    digest: str = ""  # of the envelope, as the artifacts' annotations have it
    servers: tuple[str, ...] | None = None  # None: those of the envelope

    @property
    def name(self) -> str:
        return self.envelope.subject.agent

    @property
    def stage(self) -> str:
        return self.envelope.subject.stage

    @property
    def ends(self) -> tuple[str, ...]:
        """The days with which parts of it still end: with the name, which envelope this is."""
        return self.envelope.ends

    def permits(self, region: Region) -> bool:
        return region <= self.envelope.domains[region.domain.name]

    def change(self, domain: str) -> str:
        """The lines of the policy that would have to change for the agent to have more of a domain."""
        if not self.declared_at:
            return f"to permit it takes an `allow` line for agent `{self.name}`"
        caps = self.caps_at.get(domain, ())
        cap = f", within the cap at {caps[0]}" if caps else ", and a cap for it in its class"
        return f"to permit it takes an `allow` line for the agent at {self.declared_at}{cap}"


class Bundle:
    """All agents of one build; two agents never share an account or a workload."""

    def __init__(self, agents: Iterable[Agent], digest: str = "", serial: int = 0) -> None:
        self.agents = {agent.name: agent for agent in agents}
        self.digest = digest
        self.serial = serial
        self.by_account: dict[str, Agent] = {}
        self.by_workload: dict[WorkloadKey, Agent] = {}
        self.by_namespace: dict[str, list[Agent]] = {}
        self._by_label: dict[tuple[str, str, str], list[Agent]] = {}
        self._remembered: dict[str, Remembered] = {}
        self._facts: dict[Hashable, tuple[object, int]] = {}
        self._facts_bytes = 0
        self._lock = threading.Lock()
        for agent in self.agents.values():
            subject = agent.envelope.subject
            if subject.workload is None:
                continue
            w = subject.workload
            self._alone(agent)
            self.by_account[subject.service_account] = agent
            self.by_workload[(w.group, w.kind, w.namespace, w.name)] = agent
            self.by_namespace.setdefault(w.namespace, []).append(agent)
            if subject.pod_labels:
                self._by_label.setdefault((w.namespace, *_rarest(agent)), []).append(agent)

    def labelled(self, namespace: str, labels: Mapping[str, str]) -> Agent | None:
        """The agent whose policies would select pods with these labels; in time linear in the labels."""
        for key, value in labels.items():
            for agent in self._by_label.get((namespace, key, value), ()):
                if all(labels.get(k) == v for k, v in agent.envelope.subject.pod_labels):
                    return agent
        return None

    def _alone(self, agent: Agent) -> None:
        other = self.by_account.get(agent.envelope.subject.service_account)
        if other is not None:
            raise ValueError(f"agents `{other.name}` and `{agent.name}` share a ServiceAccount")

    def on(self, agent: Agent, day: str) -> Agent:
        """The agent as it is on a day (YYYY-MM-DD, UTC), without what has ended by then."""
        if not agent.ends or agent.ends[0] >= day:
            return agent
        return self.memo(
            ("on", agent.name, day),
            lambda: replace(agent, envelope=agent.envelope.on(day)),
            _DATED_BYTES,
        )

    def remembered(self, what: str) -> Remembered:
        """What was found to be in order, in a table of its own that stays as long as the bundle."""
        return self._remembered.setdefault(what, Remembered())

    def memo(self, key: Hashable, make: Callable[[], T], size_bytes: int = FACT_BYTES) -> T:
        """A fact derived from this bundle, worked out once, and again when there is no room for all.

        ``size_bytes`` is about what it takes in memory; those that were made first go first.
        """
        found = self._facts.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            found = (make(), size_bytes)
            with self._lock:
                self._facts_bytes += size_bytes - self._facts.pop(key, _UNKNOWN)[1]
                self._facts[key] = found
                while self._facts_bytes > MOST_FACTS_BYTES:
                    self._facts_bytes -= self._facts.pop(next(iter(self._facts)))[1]
        return found[0]  # type: ignore[return-value]  # a key has one maker

    @cached_property
    def by_server(self) -> Mapping[str, tuple[Agent, ...]]:
        """The agents that may use something of an MCP server, by the server's name."""
        found: dict[str, list[Agent]] = {}
        for agent in self.agents.values():
            servers = agent.servers
            for server in (
                servers_of(agent.envelope.domains["tools"]) if servers is None else servers
            ):
                found.setdefault(server, []).append(agent)
        return {server: tuple(agents) for server, agents in found.items()}


def _rarest(agent: Agent) -> tuple[str, str]:
    """The label to find the agent by: one that bears its name, which few others can have."""
    labels = sorted(agent.envelope.subject.pod_labels)
    return next((pair for pair in labels if pair[1] == agent.name), labels[-1])


def assemble(
    entries: Iterable[Entry], packed: Mapping[str, Packed], digest: str, serial: int
) -> Bundle:
    """The bundle of an index and of the packed envelopes by agent; none of them is opened.

    Whoever calls has verified both.  ValueError when there is no entry, an envelope is not
    there, or two agents share an account.
    """
    shelf = Shelf()
    agents = []
    for entry in entries:
        name = entry.subject.agent
        if name not in packed:
            raise ValueError(f"{entry.path}: it is missing")
        envelope = Sealed.of(entry, packed[name], shelf)
        agents.append(
            Agent(envelope, entry.declared_at, entry.caps_at, entry.digest, entry.servers)
        )
    if not agents:
        raise ValueError("it holds no envelope")
    return Bundle(agents, digest, serial)


def read_bundle(files: Mapping[str, bytes], serial: int = 0) -> Bundle:
    """The bundle of an output folder's files (path below the folder -> bytes).

    The index and every envelope must be there with the digests of ``manifest.json``; other
    artifacts may be absent, and are not looked at.  ValueError says what is wrong.
    """
    if MANIFEST not in files:
        raise ValueError(f"there is no {MANIFEST}")
    match loads(files[MANIFEST]):
        case {"kind": "Manifest", "files": dict(listed)}:
            pass
        case _:
            raise ValueError(f"{MANIFEST} is no manifest")
    entries = read_index(_listed(files, listed, INDEX))
    documents = {e.subject.agent: _listed(files, listed, e.path) for e in entries}
    like = next(iter(documents.values()), b"")
    packed = pack([*documents.values()], like)
    return assemble(
        entries, dict(zip(documents, packed, strict=True)), digest(files[MANIFEST]), serial
    )


def _listed(files: Mapping[str, bytes], listed: Mapping[str, Json], path: str) -> bytes:
    if path not in files or path not in listed:
        raise ValueError(f"{path}: it is {'not listed' if path in files else 'missing'}")
    if digest(files[path]) != listed[path]:
        raise ValueError(f"{path}: its digest is not the listed one")
    return files[path]
