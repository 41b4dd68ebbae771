"""The envelope of one agent, and the facts beside it that artifacts need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Region


class Grant(NamedTuple):
    """A part of a domain with the reasons it is permitted; each reason is enough alone."""

    region: Region
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """The workload template and the container in it; ``group`` is empty for core kinds.

    ``is_init``: the template has it under ``initContainers``.
    """

    kind: str
    group: str
    namespace: str
    name: str
    container: str
    is_init: bool = False


@dataclass(frozen=True, slots=True)
class ManagedRef:
    """An agent that a cloud runs for us: ``bedrock``, ``vertex`` or ``foundry``."""

    provider: str
    resource: str


@dataclass(frozen=True, slots=True)
class PodSecurity:
    """The pod security baseline of a class: what the pod's securityContext must say.

    ``level`` is a level of the Pod Security Standards: restricted or baseline.
    """

    level: str = "restricted"
    read_only_root: bool = True
    run_as_user: int | None = None
    runtime_class: str = ""
    apparmor: str = "runtime-default"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who the envelope is for."""

    agent: str
    class_name: str
    stage: str  # observe, audit or enforce
    tier: str = ""
    owner: str = ""
    workload: WorkloadRef | None = None  # None exactly for managed agents
    managed: ManagedRef | None = None
    service_account: str = ""  # namespace/name; empty for managed agents
    pod_labels: tuple[tuple[str, str], ...] = ()  # what selects the agent's pods


@dataclass(frozen=True, slots=True)
class LabelPeer:
    """Pods by labels; ``namespace_labels`` empty means every namespace."""

    namespace_labels: tuple[tuple[str, str], ...] = ()
    pod_labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What artifacts must know of the cluster; the defaults are a kubeadm cluster's.

    In an envelope, ``dns`` (None: no pods) and ``node_local_dns`` are the servers that the
    agent may ask.
    """

    dns: LabelPeer | None = LabelPeer(
        (("kubernetes.io/metadata.name", "kube-system"),), (("k8s-app", "kube-dns"),)
    )
    node_local_dns: tuple[str, ...] = ("169.254.20.10",)
    runtimes: tuple[str, ...] = ("crun", "runc")
    architectures: tuple[str, ...] = ("amd64",)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Addresses that a granted host name was seen to resolve to, with their reasons.

    None of them where every one that was seen is withheld.
    """

    host: str
    protocol: str
    port: int
    addresses: tuple[str, ...]
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """A human gate: the grant is usable only after ``by`` has said yes."""

    domain: str
    region: Region
    by: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """What of a domain ends with the day ``until`` (YYYY-MM-DD, UTC): nothing else permits it."""

    until: str
    domain: str
    region: Region


@dataclass(frozen=True, slots=True)
class Pin:
    """The reviewed description of one tool of an MCP server: ``sha256:`` and 64 hex digits."""

    server: str
    tool: str
    digest: str


class ThreatState(StrEnum):
    """There is no third way to stand but open."""

    OPEN = "open"
    ACCEPTED = "accepted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, order=True)
class Cover:
    """Days on which a threat is closed or accepted.

    From the first moment of ``since`` to the last of ``until`` (YYYY-MM-DD, UTC; empty:
    always before, and for good).
    """

    state: ThreatState
    since: str = ""
    until: str = ""

    def holds_on(self, day: str) -> bool:
        return self.since <= day and (not self.until or day <= self.until)


@dataclass(frozen=True, slots=True)
class AgentThreat:
    """A threat that applies to the agent, and the days on which it is not open.

    The one place where a day decides: every command and the webhook ask ``on``.
    """

    id: str
    name: str
    covers: tuple[Cover, ...] = ()

    def on(self, day: str) -> ThreatState:
        """How it stands on a day (YYYY-MM-DD, UTC): open unless something covers the day."""
        states = {cover.state for cover in self.covers if cover.holds_on(day)}
        if ThreatState.CLOSED in states:
            return ThreatState.CLOSED
        return ThreatState.ACCEPTED if states else ThreatState.OPEN


@dataclass(frozen=True, slots=True)
class Envelope:
    """What one container of one agent may do.

    ``domains`` has a region for every domain of ``policyc.envelope.domains.DOMAINS``;
    ``grants[d]`` are its parts with their reasons, and their join is ``domains[d]``.
    ``pins`` are those of every server that the agent may use, also of tools that it may
    not: a model reads the description of a tool whether or not it may call it.
    ``threats`` are those of the catalogue that apply to the agent.
    """

    subject: Subject
    domains: Mapping[str, Region]
    grants: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)
    resolutions: tuple[Resolution, ...] = ()
    approvals: tuple[Approval, ...] = ()
    delegates: tuple[str, ...] = ()
    pod: PodSecurity = PodSecurity()
    cluster: ClusterFacts = ClusterFacts()
    expiries: tuple[Expiry, ...] = ()
    pins: tuple[Pin, ...] = ()
    threats: tuple[AgentThreat, ...] = ()

    @property
    def ends(self) -> tuple[str, ...]:
        """The days with which parts of it end, ascending."""
        return tuple(sorted(expiry.until for expiry in self.expiries))

    def open_threats(self, day: str) -> tuple[AgentThreat, ...]:
        """The threats that nothing closes or accepts on a day (YYYY-MM-DD, UTC)."""
        return tuple(t for t in self.threats if t.on(day) is ThreatState.OPEN)

    def on(self, day: str) -> Envelope:
        """The envelope as it is on a later day (YYYY-MM-DD): without what has ended by then.

        Its grants are left out: they explain the day of the build.
        """
        ended = [e for e in self.expiries if e.until < day]
        if not ended:
            return self
        domains = dict(self.domains)
        for expiry in ended:
            domains[expiry.domain] -= expiry.region
        left = tuple(e for e in self.expiries if e.until >= day)
        return replace(self, domains=domains, grants={}, expiries=left)
