"""Two envelopes of one agent, compared domain by domain, on every day from one on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from policyc.catalog.vocabulary import STAGES
from policyc.envelope.domains import DOMAINS
from policyc.envelope.index import servers_of
from policyc.envelope.model import ClusterFacts, Envelope, ManagedRef, PodSecurity, WorkloadRef
from policyc.envelope.permitted import permitted
from policyc.envelope.region import Region
from policyc.envelope.timeline import Period, merged, periods
from policyc.envelope.witness import witness
from policyc.lower.lines import pods


class Relation(StrEnum):
    EQUIVALENT = "equivalent"
    TIGHTER = "tighter"
    WIDER = "wider"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class Part:
    """What is more, or less, on some days: the sets, a line a box, and one tuple of them.

    ``when`` says the days where they are not all from the day of the comparison on.
    ``point`` is empty for what is no set of tuples: a stage, a gate, a delegate.
    """

    period: Period
    when: str
    boxes: tuple[str, ...]
    point: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One agent in one domain, or in one of ``FACETS``."""

    agent: str
    what: str
    added: tuple[Part, ...] = ()
    removed: tuple[Part, ...] = ()

    @property
    def relation(self) -> Relation:
        match bool(self.added), bool(self.removed):
            case False, False:
                return Relation.EQUIVALENT
            case True, False:
                return Relation.WIDER
            case False, True:
                return Relation.TIGHTER
        return Relation.INCOMPARABLE


def compare(before: Envelope | None, now: Envelope | None, as_of: str) -> Iterator[Change]:
    """A change for each domain and facet, the equivalent ones among them; None: there is no such agent."""
    there = [envelope for envelope in (before, now) if envelope is not None]
    agent = there[0].subject.agent
    days = periods(there, as_of)
    old = [before and before.on(day.first) for day in days]
    new = [now and now.on(day.first) for day in days]
    for name in DOMAINS:
        more = [(d, _of(n, name) - _of(o, name)) for d, o, n in zip(days, old, new, strict=True)]
        less = [(d, _of(o, name) - _of(n, name)) for d, o, n in zip(days, old, new, strict=True)]
        yield Change(agent, name, tuple(_parts(more, as_of)), tuple(_parts(less, as_of)))
    yield from _facets(agent, before, now, Period(as_of))


def _of(envelope: Envelope | None, domain: str) -> Region:
    return DOMAINS[domain].empty if envelope is None else permitted(envelope, domain)


def _parts(pieces: list[tuple[Period, Region]], as_of: str) -> Iterator[Part]:
    """Neighbouring days of one region are one part; what holds no element is none."""
    by_region: dict[Region, list[Period]] = {}
    for day, region in pieces:
        if region:
            by_region.setdefault(region, []).append(day)
    for region, days in by_region.items():
        point = witness(region)
        if point is not None:
            for day in merged(days):
                when = "" if day == Period(as_of) else str(day)
                yield Part(day, when, tuple(region.describe()), point)


# -- what is beside the domains ---------------------------------------------------------


def _facets(
    agent: str, before: Envelope | None, now: Envelope | None, day: Period
) -> Iterator[Change]:
    """Gates, cluster facts, delegates, pins, the pod baseline, the stage and the binding to a workload.

    Each as the set of what it lets happen, so that more is wider: a delegate, a setting that
    is loose, a stage that is not reached.  Of an agent that is new or gone, the delegates only.
    """
    new = set() if now is None else set(now.delegates)
    old = set() if before is None else set(before.delegates)
    yield _facet(agent, "delegates", old, new, day)
    if before is None or now is None:
        return
    # A gate and a pin are the opposite of a right: one that goes is what makes an agent wider.
    yield _facet(agent, "approvals", _gates(now), _gates(before), day)
    # An agent that connects to nothing asks nobody: what changes there is that it connects.
    both = _servers(before.cluster) and _servers(now.cluster)
    listed = _opened if both else _started
    yield _facet(agent, "cluster", listed(before.cluster), listed(now.cluster), day)
    used = servers_of(before.domains["tools"]) & servers_of(now.domains["tools"])
    yield _facet(agent, "pins", _pinned(now, used), _pinned(before, used), day)
    yield _facet(agent, "pod", set(_pod(before.pod)), set(_pod(now.pod)), day)
    yield _facet(agent, "stage", _unreached(before), _unreached(now), day)
    yield _facet(agent, "workload", {_bound(before)}, {_bound(now)}, day)


def _facet(agent: str, what: str, old: set[str], new: set[str], day: Period) -> Change:
    return Change(agent, what, _said(new - old, day), _said(old - new, day))


def _said(lines: set[str], day: Period) -> tuple[Part, ...]:
    return (Part(day, "", tuple(sorted(lines)), {}),) if lines else ()


def _gates(envelope: Envelope) -> set[str]:
    return {
        f"{a.domain}: {box} by {a.by}" for a in envelope.approvals for box in a.region.describe()
    }


def _opened(cluster: ClusterFacts) -> set[str]:
    """What artifacts let every agent do beside its grants: ask the DNS, and start as its runtimes do."""
    return _servers(cluster) | _started(cluster)


def _started(cluster: ClusterFacts) -> set[str]:
    return {f"runtime {name}" for name in cluster.runtimes}


def _servers(cluster: ClusterFacts) -> set[str]:
    peer = cluster.dns
    found = {f"dns {pods(peer.pod_labels, peer.namespace_labels)}"} if peer is not None else set()
    return found | {f"dns {address}" for address in cluster.node_local_dns}


def _pinned(envelope: Envelope, servers: AbstractSet[str]) -> set[str]:
    """The texts that the tools of servers may have; of a server used only before or only now none."""
    return {f"{p.server}: {p.tool} {p.digest}" for p in envelope.pins if p.server in servers}


def _unreached(envelope: Envelope) -> set[str]:
    return {f"not {stage}" for stage in STAGES[STAGES.index(envelope.subject.stage) + 1 :]}


def _bound(envelope: Envelope) -> str:
    match envelope.subject.workload, envelope.subject.managed:
        case WorkloadRef() as w, _:
            return f"{w.kind} {w.namespace}/{w.name} container {w.container}"
        case _, ManagedRef() as m:
            return f"managed {m.provider} {m.resource}"
    return ""


def _pod(pod: PodSecurity) -> Iterator[str]:
    if pod.level != "restricted":
        yield f"security {pod.level}"
    if not pod.read_only_root:
        yield "read-only-root false"
    yield f"run-as-user {pod.run_as_user or 'any but 0'}"
    yield f"runtime-class {pod.runtime_class or 'default'}"
    yield f"apparmor {pod.apparmor}"
