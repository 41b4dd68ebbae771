"""The registered agents: compiled envelopes, found by what a pod cannot choose freely."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from policyc.core.canonical import Json, digest
from policyc.core.strict_json import loads
from policyc.envelope.axes import EMPTY
from policyc.envelope.codec import decode
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region

T = TypeVar("T")
WorkloadKey = tuple[str, str, str, str]
"""API group, kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent's envelope, and where the policy speaks of it (``path:line:column``)."""

    envelope: Envelope
    declared_at: str = ""
    caps_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digest: str = ""  # of the envelope, as the artifacts' annotations have it

    @property
    def name(self) -> str:
        return self.envelope.subject.agent

    @property
    def stage(self) -> str:
        return self.envelope.subject.stage

    @property
    def ends(self) -> tuple[str, ...]:
        """The days with which parts of it still end: with the name, which envelope this is."""
        return tuple([e.until for e in self.envelope.expiries])

    def permits(self, region: Region) -> bool:
        return region <= self.envelope.domains[region.domain.name]

    def change(self, domain: str) -> str:
        """The lines that would have to change for the agent to have more of a domain."""
        if not self.declared_at:
            return f"it would need an `allow` line for agent `{self.name}`"
        caps = self.caps_at.get(domain, ())
        cap = f", within the cap at {caps[0]}" if caps else ", and its class a cap for it"
        return f"it would need an `allow` line for the agent at {self.declared_at}{cap}"


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
        self._facts: dict[Hashable, object] = {}
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
        if not agent.envelope.expiries:
            return agent
        return self.memo(
            ("on", agent.name, day), lambda: replace(agent, envelope=agent.envelope.on(day))
        )

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """A fact derived from this bundle, worked out once."""
        if key not in self._facts:
            self._facts[key] = make()
        return self._facts[key]  # type: ignore[return-value]  # a key has one maker

    @cached_property
    def by_server(self) -> Mapping[str, tuple[Agent, ...]]:
        """The agents that may use something of an MCP server, by the server's name."""
        found: dict[str, list[Agent]] = {}
        for agent in self.agents.values():
            for server in _servers(agent.envelope.domains["tools"]):
                found.setdefault(server, []).append(agent)
        return {server: tuple(agents) for server, agents in found.items()}


def _rarest(agent: Agent) -> tuple[str, str]:
    """The label to find the agent by: one that bears its name, which few others can have."""
    labels = sorted(agent.envelope.subject.pod_labels)
    return next((pair for pair in labels if pair[1] == agent.name), labels[-1])


def _servers(tools: Region) -> set[str]:
    """The servers of a region, as far as they are named: policies name them one by one."""
    axis = tools.domain.axis("server")
    return {name for box in tools.boxes() for name in axis.write(box.get("server", EMPTY))}


def read_bundle(files: Mapping[str, bytes], serial: int = 0) -> Bundle:
    """The bundle of an output folder's files (path below the folder -> bytes).

    Every file must be listed in ``manifest.json`` with its digest, and every listed file
    be there.  ValueError says what is wrong.
    """
    if "manifest.json" not in files:
        raise ValueError("there is no manifest.json")
    match loads(files["manifest.json"]):
        case {"kind": "Manifest", "files": dict(listed)}:
            pass
        case _:
            raise ValueError("manifest.json is no manifest")
    for path in sorted(listed.keys() | files.keys() - {"manifest.json"}):
        if path not in files or path not in listed:
            raise ValueError(f"{path}: {'it is missing' if path in listed else 'it is not listed'}")
        if digest(files[path]) != listed[path]:
            raise ValueError(f"{path}: its digest is not the listed one")
    agents = []
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        if name == "envelope.json":
            document = loads(files[path])
            try:
                envelope = decode(document)
            except ValueError as fault:
                raise ValueError(f"{path}: {fault}") from None
            declared_at, caps_at = _lines(loads(files[f"{folder}/provenance.json"]))
            agents.append(Agent(envelope, declared_at, caps_at, _digest(document)))
    if not agents:
        raise ValueError("it holds no envelope")
    return Bundle(agents, digest(files["manifest.json"]), serial)


def _digest(document: Json) -> str:
    match document:
        case {"digest": str(found)}:
            return found
    return ""


def _lines(sidecar: Json) -> tuple[str, dict[str, tuple[str, ...]]]:
    match sidecar:
        case {"policy": {"agent": str(agent), "caps": dict(caps)}}:
            return agent, {
                d: tuple(map(str, places)) for d, places in caps.items() if isinstance(places, list)
            }
    return "", {}
