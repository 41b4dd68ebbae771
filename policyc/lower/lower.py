"""The driver of lowering: candidates, cap, deny and never, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from policyc.catalog.setup_only import SETUP_ONLY
from policyc.core.diagnostics import Diagnostic, Outcome, Related, Severity
from policyc.envelope.domains import DOMAINS, IDENTITY, TOOLS
from policyc.envelope.lattice import SortKey, sort_key
from policyc.envelope.model import Approval, ClusterFacts, Envelope, Expiry, Grant, Pin, Subject
from policyc.envelope.observation import (
    KubeSeen,
    ModelSeen,
    Observation,
    Observed,
    PeerSeen,
    Phase,
    SyscallSeen,
    ToolSeen,
    is_vain,
)
from policyc.envelope.provenance import Derivation, Place, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, place
from policyc.lower.days import dated, has_ended, unreviewed
from policyc.lower.dns import dns_left
from policyc.lower.endpoints import Use, api_server, reaches, uses
from policyc.lower.generalise import generalise
from policyc.lower.generalise.peers import addressed
from policyc.lower.ladder import widened
from policyc.lower.limits import Cut, Limit, limits
from policyc.lower.losses import Losses, blind_spots
from policyc.lower.names import UnnamedError
from policyc.lower.resolutions import resolutions
from policyc.lower.whereabouts import is_loopback
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Clause, Declared

_DNS_PORT = 53


def lower(
    agent: CheckedAgent, observed: Observed, policy: CheckedPolicy, *, as_of: date
) -> Outcome[Envelope]:
    """The agent's envelope on the day ``as_of``, and what was observed but not granted."""
    standing = tuple(c for c in agent.allows if not has_ended(c, as_of))
    cut = limits(agent, standing)
    cluster, no_dns = dns_left(policy.cluster, cut)
    lowering = _Lowering(agent, policy, cluster, cut, Losses(agent, api_server(policy)))
    usable = [o for o in observed.observations if lowering.is_application(o)]
    done = [o for o in usable if not is_vain(o)]
    for observation in usable:
        lowering.observe(observation)
    for candidate in widened(done, agent.rungs):
        lowering.offer(candidate)
    for clause in standing:
        lowering.allow(clause)
    lowering.identity()
    used = tuple(uses(policy.declared, lowering.grants))
    lowering.endpoints(used)
    lowering.unanswered(no_dns)
    lowering.still_refused()
    found = [
        *lowering.found,
        *dated(agent.allows, lowering.grants, as_of),
        *unreviewed(agent, (t for t, _ in used), as_of),
        *lowering.losses.findings(lowering.limits),
        *blind_spots(lowering.losses, observed, policy.cluster.architectures),
    ]
    return Outcome(lowering.envelope(done), found)


@lru_cache(maxsize=1 << 13)
def _order(region: Region) -> SortKey:
    """Agents have most of their syscalls in common."""
    return sort_key(region.diagram)


@dataclass(slots=True)
class _Lowering:
    """One agent on its way: what is granted so far, and what is not."""

    agent: CheckedAgent
    policy: CheckedPolicy
    cluster: ClusterFacts  # with the DNS servers that the agent may ask
    limits: dict[str, Limit]
    losses: Losses
    found: list[Diagnostic] = field(default_factory=list)
    grants: dict[str, dict[Region, list[Derivation]]] = field(default_factory=dict)

    # -- observation -----------------------------------------------------------------

    def is_application(self, observation: Observation) -> bool:
        """Whether the observation is the agent's and not the container runtime's."""
        phase = observation.sighting.phase
        is_setup_call = isinstance(observation, SyscallSeen) and observation.name in SETUP_ONLY
        if phase is Phase.SETUP or (phase is Phase.UNKNOWN and is_setup_call):
            if isinstance(observation, SyscallSeen) and is_setup_call:
                self.losses.set_up.add(observation.name)
            return False
        return True

    def observe(self, observation: Observation) -> None:
        """Offer what an observation stands for; only what inheritance explains is set aside."""
        if isinstance(observation, PeerSeen):
            if self._is_dns(observation) or _is_own_pod(observation):
                return
            if observation.claimed and not observation.unanswered:
                self.losses.claimed.append(observation)
        try:
            candidates = tuple(generalise(observation, self.agent, self.policy))
        except UnnamedError as fault:
            self.losses.unnamed.append((fault, observation.sighting.evidence))
            return
        except ValueError as fault:
            self.losses.unplaced.add(str(fault))
            return
        if isinstance(observation, PeerSeen) and observation.unanswered:
            self.losses.unanswered.append((observation, candidates))
            return
        if isinstance(observation, ToolSeen | ModelSeen) and observation.claimed:
            self.losses.feigned += candidates
            return
        if is_vain(observation):
            self.losses.refused.append(candidates[0])  # the call, without its equivalents
            return
        for candidate in candidates:
            if isinstance(observation, KubeSeen) and _is_admin(observation):
                reason = f"only {observation.granted_by}, which grants everything, permits it"
                self.losses.overreaches(candidate, reason)
            elif candidate.is_fleeting:
                self.losses.fleeting.append(candidate)
            else:
                if candidate.domain == "egress_host":
                    assert isinstance(observation, PeerSeen)
                    self._withhold(observation)
                self.offer(candidate)

    def _withhold(self, peer: PeerSeen) -> None:
        """Say of the address of a name that what beats an observation beats the name's way to it."""
        if peer.address:
            self._beaten(addressed(peer))

    def _is_dns(self, peer: PeerSeen) -> bool:
        """Whether the peer is a DNS server that every agent that connects may ask."""
        dns = self.cluster.dns
        local = peer.address in self.cluster.node_local_dns
        pods = dns is not None and peer.is_pod and set(dns.pod_labels) <= set(peer.pod_labels)
        return peer.port == _DNS_PORT and (local or pods)

    def offer(self, candidate: Candidate) -> None:
        """Grant what the limits leave of an observed candidate; remember why the rest is not."""
        cut = self._beaten(candidate)
        if cut.is_outside and not candidate.is_inferred:
            self.losses.outside.setdefault(candidate.domain, []).append(candidate)
        self._grant(cut.inside, candidate.derivation)

    def still_refused(self) -> None:
        """Of what was tried in vain, keep what nothing grants: another recording or a line may by now."""
        losses = self.losses
        losses.refused = [c for c in losses.refused if not self._is_granted(c)]
        losses.feigned = [c for c in losses.feigned if not self._is_granted(c)]
        losses.claimed = [
            p for p in losses.claimed if not (p.address and self._is_granted(addressed(p)))
        ]
        losses.unanswered = [
            (peer, candidates)
            for peer, candidates in losses.unanswered
            if not any(map(self._is_granted, _ways(peer, candidates)))
        ]

    def _is_granted(self, candidate: Candidate) -> bool:
        grants = self.grants.get(candidate.domain, {})
        return candidate.region <= DOMAINS[candidate.domain].union(grants)

    def _beaten(self, candidate: Candidate) -> Cut:
        """Report what the protected set and the lines that take away beat of a candidate."""
        cut = self.limits[candidate.domain].cut(candidate.region)
        if cut.is_protected:
            self.losses.overreaches(candidate, "protected")
        for taker in cut.takers:
            word = "never" if taker in self.agent.nevers else "deny"
            self.losses.overreaches(candidate, f"`{word} {taker.text}` forbids it", taker)
        return cut

    # -- policy ------------------------------------------------------------------------

    def allow(self, clause: Clause) -> None:
        """Grant what an ``allow`` line says, within the limits."""
        note = clause.because + (f" (until {clause.until})" if clause.until else "")
        why = Derivation(Step.ALLOWED, (place(clause.span),), note=note, until=clause.until)
        self._grant(self.limits[clause.domain].inside(clause.region), why)

    def identity(self) -> None:
        """The agent's own ServiceAccount and cloud identities, as far as the cap has a say on them."""
        limit = self.limits["identity"]
        for region, where in self._identities():
            inside = limit.inside(region) if limit.is_mentioned else region - limit.taken
            if inside != region:
                self.found.append(
                    Diagnostic(
                        "PC4004",
                        f"the identity of agent `{self.agent.name}` lies outside the cap of its class",
                        self.agent.identity_span or self.agent.span,
                        help="name it in the cap's `identity` line, or choose another identity",
                    )
                )
            self._grant(inside, Derivation(Step.DECLARED, (where,), note="the agent's identity"))

    def _identities(self) -> Iterable[tuple[Region, Place]]:
        yield from ((c.region, place(c.span)) for c in self.agent.cloud)
        if self.agent.service_account and self.agent.identity_span is not None:
            own = {"provider": "service-account", "name": self.agent.service_account}
            yield IDENTITY.written(own), place(self.agent.identity_span)

    def endpoints(self, used: Iterable[Use]) -> None:
        """Grant the way to what is used, and say of what is used and cannot be reached."""
        for reach in reaches(used):
            inside = self.limits[reach.region.domain.name].inside(reach.region)
            if inside != reach.region:
                missing = "; ".join((reach.region - inside).describe()[:1])
                self.found.append(
                    self.losses.say(
                        "PC4007",
                        f"it may use `{reach.declared.name}` and may not reach it: {missing}",
                        "grant its endpoint in the cap's `egress` lines",
                    )
                )
            for why in reach.derivations:
                self._grant(inside, why)

    def unanswered(self, taken: Mapping[str, Clause]) -> None:
        """Say that an agent that connects may not ask the cluster's DNS, or not all of it."""
        if not any(self.grants.get(d) for d in ("egress_ip", "egress_host", "egress_peer")):
            return
        is_left = self.cluster.dns is not None or bool(self.cluster.node_local_dns)
        for server, clause in taken.items():
            self.found.append(
                self.losses.say(
                    "PC4013",
                    f"`{clause.text}` takes the cluster's DNS at `{server}` away"
                    + ("" if is_left else ", and none is left: it can resolve no name"),
                    "narrow the line if the agent needs names, or take the server out of the "
                    "`cluster` block if it has none there",
                    Severity.NOTE if is_left else Severity.WARNING,
                    (Related(clause.span, "the line that takes it away"),),
                )
            )

    # -- result --------------------------------------------------------------------------

    def _grant(self, region: Region, derivation: Derivation) -> None:
        if region:
            reasons = self.grants.setdefault(region.domain.name, {}).setdefault(region, [])
            if derivation not in reasons:
                reasons.append(derivation)

    def _granted(self, domain: str) -> tuple[Grant, ...]:
        regions = self.grants.get(domain, {})
        ordered = sorted(regions, key=_order)
        return tuple(Grant(region, tuple(regions[region])) for region in ordered)

    def envelope(self, done: Iterable[Observation]) -> Envelope:
        """All that was granted, with the facts beside it."""
        agent = self.agent
        grants = {name: self._granted(name) for name in DOMAINS}
        regions = {name: DOMAINS[name].union(g.region for g in grants[name]) for name in DOMAINS}
        gates = (
            Approval(rule.clause.domain, rule.clause.region & regions[rule.clause.domain], rule.by)
            for rule in agent.approvals
        )
        return Envelope(
            _subject(agent),
            regions,
            grants,
            tuple(resolutions(regions["egress_host"], self.limits["egress_ip"].taken, done)),
            tuple(gate for gate in gates if gate.region),
            agent.delegates,
            agent.pod,
            self.cluster,
            tuple(_expiries(grants, regions)),
            tuple(_pins(self.policy.declared, regions["tools"])),
        )


def _ways(peer: PeerSeen, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Whatever a peer may have been granted as, also where its name says more than its address."""
    yield from candidates
    if peer.address:
        yield addressed(peer)


def _expiries(
    grants: Mapping[str, tuple[Grant, ...]], regions: Mapping[str, Region]
) -> Iterator[Expiry]:
    """For each day on which something ends, what of each domain no reason permits after it."""
    for name, parts in grants.items():
        left = regions[name]
        for day in sorted({d.until for part in parts for d in part.derivations if d.until}):
            lasting = (
                part.region
                for part in parts
                if any(not d.until or d.until > day for d in part.derivations)
            )
            kept = DOMAINS[name].union(lasting)
            if left != kept:
                yield Expiry(day, name, left - kept)
            left = kept


def _pins(declared: Mapping[str, Declared], tools: Region) -> Iterator[Pin]:
    """The pins of the servers of which the agent may use something."""
    for thing in declared.values():
        if thing.pins and tools & TOOLS.single({"server": thing.name}):
            for tool, pinned in thing.pins:
                yield Pin(thing.name, tool, pinned)


def _subject(agent: CheckedAgent) -> Subject:
    return Subject(
        agent.name,
        agent.class_name,
        agent.stage,
        agent.tier,
        agent.owner,
        agent.workload,
        agent.managed,
        agent.service_account,
        agent.pod_labels,
    )


def _is_own_pod(peer: PeerSeen) -> bool:
    """Whether it stays in the pod, where no NetworkPolicy can let it through or keep it out."""
    return not peer.is_pod and is_loopback(peer.address)


def _is_admin(observation: KubeSeen) -> bool:
    """Whether the request was only possible through an administrator's binding, whatever its name."""
    binding, _, role = observation.granted_by.partition(" of ")
    return role == "ClusterRole cluster-admin" or binding == "ClusterRoleBinding cluster-admin"
