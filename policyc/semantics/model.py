"""The checked policy: what lowering and the judgements start from.

Everything is resolved: names are absolute, grants are regions of the envelope's
domains, each with the span that says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from policyc.core.source import Span
from policyc.envelope.model import ClusterFacts, LabelPeer, ManagedRef, PodSecurity, WorkloadRef
from policyc.envelope.region import Region
from policyc.semantics.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Clause:
    """One domain's part of one written grant.

    A grant over several domains (``egress ... to host a, cidr b``) gives one
    clause for each.  ``wildcard`` says that the region was written with a
    pattern (or a CIDR, or ``*``), so that the protected set is not in it:
    the protected points that the pattern would have covered are already
    taken out of ``region``.  ``text`` is the grant as the printer writes it.
    """

    domain: str
    region: Region
    span: Span = field(compare=False)
    text: str
    wildcard: bool = False
    because: str = ""
    until: str = ""  # YYYY-MM-DD, the end of that day UTC; empty: for good
    declared_in: str = ""  # the class or agent whose body holds it


@dataclass(frozen=True, slots=True)
class CapLevel:
    """The caps of one class, of which ``regions`` holds only the domains it mentions."""

    class_name: str
    span: Span = field(compare=False)
    clauses: tuple[Clause, ...]
    regions: Mapping[str, Region]


@dataclass(frozen=True, slots=True)
class Rung:
    """``widen egress to /24 when seen >= 3 in 7d``."""

    prefix: int
    seen: int
    within_seconds: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class MustSeeRule:
    count: int
    behaviour: str


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A class's observation window; rates are expected new items per run, by domain word."""

    name: str
    least_seconds: int = 0
    least_sessions: int = 0
    rates: tuple[tuple[str, str], ...] = ()  # domain word -> decimal text
    must_see: tuple[MustSeeRule, ...] = ()
    quiet_seconds: int = 0
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Learning:
    """Where an agent's profiles are: globs below the policy root."""

    window: str
    since: str
    files: tuple[str, ...]
    span: Span = field(compare=False)
    environment: str = ""  # `staging` on the pre-enforced track, else empty


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    clause: Clause
    by: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """What was decided on a permission that is declared and not used.

    ``decision`` is a word of ``policyc.catalog.vocabulary.DECISIONS``; the clause's ``until``
    is the last day of a revocation, or the day of the next review.
    """

    decision: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class CheckedAgent:
    """One agent with all that applies to it, its class's ancestors included.

    ``caps`` runs from the root class down: the cap of a domain is the meet over
    the levels that mention it, and empty where the root class does not.
    ``nevers`` and ``denies`` are collected over all levels and the agent.
    """

    name: str
    span: Span = field(compare=False)
    class_name: str
    ancestry: tuple[str, ...]  # root first, the agent's class last
    stage: str
    tier: str
    owner: str
    workload: WorkloadRef | None
    managed: ManagedRef | None
    service_account: str
    identity_span: Span | None = field(compare=False)
    pod_labels: tuple[tuple[str, str], ...]
    cloud: tuple[Clause, ...]  # cloud identities, domain `identity`
    caps: tuple[CapLevel, ...]
    nevers: tuple[Clause, ...]
    allows: tuple[Clause, ...]
    denies: tuple[Clause, ...]
    approvals: tuple[ApprovalRule, ...]
    learning: Learning | None
    rungs: tuple[Rung, ...]
    delegates: tuple[str, ...]
    pod: PodSecurity
    pod_span: Span | None = field(default=None, compare=False)
    workload_span: Span | None = field(default=None, compare=False)
    window: str = ""  # its own `window` line, else its class's
    stage_span: Span | None = field(default=None, compare=False)
    dispositions: tuple[Disposition, ...] = ()

    def cap(self, domain: str) -> Region | None:
        """The meet of the caps of ``domain``; None when the root class does not mention it."""
        if not self.caps or domain not in self.caps[0].regions:
            return None
        region = self.caps[0].regions[domain]
        for level in self.caps[1:]:
            if domain in level.regions:
                region &= level.regions[domain]
        return region


class Transport(StrEnum):
    SERVICE = "service"
    HOST = "host"
    STDIO = "stdio"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a declared server, gateway or store is.

    For a Service, ``peers`` and ``ports`` are its pods and their ports, resolved
    through the cluster's manifests.
    """

    transport: Transport
    host: str = ""
    service: str = ""  # namespace/name
    ports: tuple[int, ...] = ()
    peer: LabelPeer | None = None
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Declared:
    """A reviewed thing: an MCP server, a model gateway or a store."""

    kind: str  # mcp, gateway or store
    name: str
    span: Span = field(compare=False)
    endpoint: Endpoint | None
    image: str = ""
    surface: tuple[str, ...] = ()  # tools of a server, models of a gateway
    pins: tuple[tuple[str, str], ...] = ()
    is_reviewed: bool = False
    reviewed_on: str = ""  # YYYY-MM-DD
    review_span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A Service of the cluster's manifests: what its pods are called and listen on."""

    namespace: str
    name: str
    selector: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, int, int], ...]  # protocol, Service port, endpoint port
    cluster_ips: tuple[str, ...] = ()  # in canonical spelling


@dataclass(frozen=True, slots=True)
class NeverRule:
    """``never GRANT`` of an assertion; with ``reach``, also by those that the agent delegates to."""

    text: str
    span: Span = field(compare=False)
    clauses: tuple[Clause, ...]
    reach: bool = False


@dataclass(frozen=True, slots=True)
class NoNewRule:
    """``no new egress since "REVISION"``: ``domains`` are those of the family."""

    text: str
    span: Span = field(compare=False)
    domains: tuple[str, ...]
    revision: str
    revision_span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ExpectRule:
    """``expect allow AGENT GRANT [at DATE]``; ``at`` is empty for "on every day from today on"."""

    text: str
    span: Span = field(compare=False)
    clauses: tuple[Clause, ...]
    allows: bool
    at: str = ""


Rule: TypeAlias = NeverRule | NoNewRule | ExpectRule


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion or a test: each rule with the agents, by name, that it is about."""

    name: str
    span: Span = field(compare=False)
    rules: tuple[tuple[Rule, tuple[str, ...]], ...]
    is_standard: bool = False


@dataclass(frozen=True, slots=True)
class Waiver:
    """Silences an assertion for some agents, up to the end of the day ``until`` (UTC)."""

    assertion: str
    agents: tuple[str, ...]
    until: str
    because: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Widening:
    """Somebody's yes to a change that widens some families of domains of some agents."""

    families: tuple[str, ...]  # words of FAMILIES and FACETS
    subject: str  # the agent or class that the line names
    agents: tuple[str, ...]
    by: str
    on: str
    because: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a policy root says of itself: assertions and tests, in the order of files and lines."""

    claims: tuple[Claim, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    widenings: tuple[Widening, ...] = ()


@dataclass(frozen=True)
class CheckedPolicy:
    """The whole of a policy root, checked; agents sorted by name."""

    agents: tuple[CheckedAgent, ...] = ()
    windows: Mapping[str, WindowSpec] = field(default_factory=dict)
    declared: Mapping[str, Declared] = field(default_factory=dict)
    services: Mapping[str, ServiceFact] = field(default_factory=dict)  # by namespace/name
    cluster: ClusterFacts = ClusterFacts()
    tiers: tuple[str, ...] = ()
    catalogue: Catalogue = field(default_factory=Catalogue)
    claims: Claims = Claims()

    @cached_property
    def services_by_address(self) -> Mapping[str, ServiceFact]:
        """By cluster IP: what stands behind an address that was seen.

        Only Services that select pods: what stands behind others is not in the manifests.
        """
        return {
            address: fact
            for fact in self.services.values()
            for address in fact.cluster_ips
            if fact.selector
        }
