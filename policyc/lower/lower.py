"""The driver of lowering: candidates, cap, deny and never, and what is said about the rest."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from policyc.catalog.setup_only import SETUP_ONLY
from policyc.core.diagnostics import Diagnostic, Outcome, Related, Severity
from policyc.envelope.domains import DOMAINS, EGRESS_HOST, EGRESS_PEER, IDENTITY
from policyc.envelope.model import Approval, Envelope, Grant, Resolution, Subject
from policyc.envelope.observation import (
    Direction,
    KubeSeen,
    Observation,
    Observed,
    PeerSeen,
    Phase,
    SyscallSeen,
)
from policyc.envelope.provenance import Derivation, Place, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate, place
from policyc.lower.generalise import candidates, seen, services_by_address
from policyc.lower.ladder import widened
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Clause, Endpoint, Transport
from policyc.semantics.protected import protected
from policyc.semantics.rules.agents import CALL_DOMAINS

_CLUSTER_RANGES = tuple(
    map(
        ipaddress.ip_network,
        # RFC 1918, RFC 6598 and RFC 4193: where pods and Services live.
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)

_DNS_PORT = 53
_SHOWN = 3
"""How many items a grouped finding names."""


def lower(
    agent: CheckedAgent, observed: Observed, policy: CheckedPolicy, *, as_of: date
) -> Outcome[Envelope]:
    """The agent's envelope on the day ``as_of``, and what was observed but not granted."""
    return _Lowering(agent, observed, policy, as_of).run()


@dataclass(slots=True)
class _Limits:
    """What one domain is cut to, with the lines that say so."""

    cap: Region | None
    places: tuple[Place, ...]
    takers: tuple[Clause, ...]
    taken: Region


@dataclass(slots=True)
class _Lowering:
    agent: CheckedAgent
    observed: Observed
    policy: CheckedPolicy
    as_of: date
    found: list[Diagnostic] = field(default_factory=list)
    limits: dict[str, _Limits] = field(default_factory=dict)
    grants: dict[str, dict[Region, list[Derivation]]] = field(default_factory=dict)
    outside: dict[str, list[Candidate]] = field(default_factory=dict)
    overreach: dict[str, list[tuple[Candidate, str, Clause | None]]] = field(default_factory=dict)

    def run(self) -> Outcome[Envelope]:
        self.limits = {name: self._limit(name) for name in DOMAINS}
        usable = [o for o in self.observed.observations if self._is_application(o)]
        self._report_setup()
        addresses = services_by_address(tuple(self.policy.services.values()))
        for observation in usable:
            for candidate in candidates(observation, addresses):
                self._observe(observation, candidate)
        for candidate in widened(usable, self.agent.rungs):
            self._offer(candidate)
        for clause in self.agent.allows:
            self._allow(clause)
        self._identity()
        self._endpoints()
        self._report()
        return Outcome(self._envelope(usable), self.found)

    # -- limits --------------------------------------------------------------------

    def _limit(self, domain: str) -> _Limits:
        empty = DOMAINS[domain].empty
        cap = self.agent.cap(domain)
        if self.agent.managed is not None and domain not in CALL_DOMAINS:
            cap = None
        takers = tuple(c for c in (*self.agent.nevers, *self.agent.denies) if c.domain == domain)
        places = tuple(
            sorted(
                {
                    place(c.span)
                    for level in self.agent.caps
                    for c in level.clauses
                    if c.domain == domain
                }
            )
        )
        taken = DOMAINS[domain].union(c.region for c in takers) if takers else empty
        return _Limits(cap, places, takers, taken)

    # -- observation -----------------------------------------------------------------

    def _is_application(self, observation: Observation) -> bool:
        """Whether the observation is the agent's and not the container runtime's."""
        phase = observation.sighting.phase
        if phase is Phase.SETUP:
            return False
        if isinstance(observation, SyscallSeen) and phase is Phase.UNKNOWN:
            return observation.name not in SETUP_ONLY
        return True

    def _report_setup(self) -> None:
        runtime = sorted(
            {
                o.name
                for o in self.observed.observations
                if isinstance(o, SyscallSeen)
                and o.name in SETUP_ONLY
                and not self._is_application(o)
            }
        )
        if runtime:
            self._say(
                "PC4005",
                f"agent `{self.agent.name}`: {_list(runtime)} {'is' if len(runtime) == 1 else 'are'} "
                "attributed to the container runtime's set-up",
                "if the agent itself needs one, grant it with an `allow` line",
                Severity.NOTE,
            )

    def _observe(self, observation: Observation, candidate: Candidate) -> None:
        if isinstance(observation, KubeSeen) and _is_admin(observation):
            reason = f"granted by {observation.granted_by}, which grants everything"
            self._overreach(candidate, reason, None)
            return
        if isinstance(observation, PeerSeen) and self._is_dns(observation):
            return
        if isinstance(observation, PeerSeen) and _is_unattributed(observation):
            self.outside.setdefault("unattributed", []).append(candidate)
            return
        self._offer(candidate)

    def _is_dns(self, peer: PeerSeen) -> bool:
        """Whether the peer is the cluster's DNS, which every agent that connects is given."""
        dns = self.policy.cluster.dns
        local = peer.address in self.policy.cluster.node_local_dns
        return peer.port == _DNS_PORT and (
            local or (peer.is_pod and set(dns.pod_labels) <= set(peer.pod_labels))
        )

    def _offer(self, candidate: Candidate) -> None:
        """Grant what the limits leave of an observed candidate; remember why the rest is not."""
        domain = candidate.region.domain.name
        limit = self.limits[domain]
        region = candidate.region
        guarded = protected().get(domain)
        if guarded is not None and region & guarded:
            if not self._is_named(region & guarded, domain):
                self._overreach(
                    candidate, "it is protected: only a literal `allow` grants it", None
                )
            region -= guarded
        if not region:
            return
        for taker in limit.takers:
            if region & taker.region:
                self._overreach(candidate, f"`{taker.text}` takes it away", taker)
        left = region - limit.taken
        inside = left & limit.cap if limit.cap is not None else left.domain.empty
        if left and left != inside and candidate.derivation.step is not Step.SYSCALL_CLASS:
            self.outside.setdefault(domain, []).append(candidate)
        self._grant(inside, candidate.derivation)

    def _is_named(self, region: Region, domain: str) -> bool:
        """Whether a literal allow line grants these protected points already."""
        return any(c.domain == domain and region <= c.region for c in self.agent.allows)

    def _overreach(self, candidate: Candidate, reason: str, taker: Clause | None) -> None:
        self.overreach.setdefault(reason, []).append((candidate, reason, taker))

    def _grant(self, region: Region, derivation: Derivation) -> None:
        if region:
            reasons = self.grants.setdefault(region.domain.name, {}).setdefault(region, [])
            if derivation not in reasons:
                reasons.append(derivation)

    # -- policy ------------------------------------------------------------------------

    def _allow(self, clause: Clause) -> None:
        if clause.until and date.fromisoformat(clause.until) < self.as_of:
            self.found.append(
                Diagnostic(
                    "PC4006",
                    f"`{clause.text}` ended on {clause.until} and grants nothing any more",
                    clause.span,
                    help="remove the line, or have it extended by its approver",
                    severity=Severity.WARNING,
                )
            )
            return
        limit = self.limits[clause.domain]
        region = clause.region - limit.taken
        region = region & limit.cap if limit.cap is not None else region.domain.empty
        note = clause.because + (f" (until {clause.until})" if clause.until else "")
        self._grant(region, Derivation(Step.ALLOWED, (place(clause.span),), note=note))

    def _identity(self) -> None:
        """The agent's own ServiceAccount and cloud identities, as far as the cap has a say on them."""
        limit = self.limits["identity"]
        named: list[tuple[Region, Place]] = [(c.region, place(c.span)) for c in self.agent.cloud]
        if self.agent.service_account and self.agent.identity_span is not None:
            own = IDENTITY.written(
                {"provider": "service-account", "name": self.agent.service_account}
            )
            named.append((own, place(self.agent.identity_span)))
        for region, where in named:
            inside = region - limit.taken
            if limit.cap is not None:
                inside &= limit.cap
            if inside != region:
                span = self.agent.identity_span or self.agent.span
                self.found.append(
                    Diagnostic(
                        "PC4004",
                        f"the identity of agent `{self.agent.name}` lies outside the cap of its class",
                        span,
                        help="name it in the cap's `identity` line, or choose another identity",
                    )
                )
            self._grant(inside, Derivation(Step.DECLARED, (where,), note="the agent's identity"))

    def _endpoints(self) -> None:
        """A tool, model or store that is granted is reached at its declared endpoint."""
        for kind, domain, axis in (
            ("mcp", "tools", "server"),
            ("gateway", "models", "gateway"),
            ("store", "memory", "store"),
        ):
            for thing in self.policy.declared.values():
                endpoint = thing.endpoint
                if thing.kind != kind or endpoint is None or endpoint.transport is Transport.STDIO:
                    continue
                used = DOMAINS[domain].written({axis: thing.name})
                users = [r for r in self.grants.get(domain, {}) if r & used]
                if not users:
                    continue
                reasons = [x for r in users for x in self.grants[domain][r]]
                self._reach(thing.name, kind, self._at(endpoint), reasons, place(thing.span))

    def _at(self, endpoint: Endpoint) -> Region:
        flow = {"protocol": endpoint.protocol, "port": [str(p) for p in endpoint.ports]}
        if endpoint.peer is None:
            return EGRESS_HOST.written({**flow, "host": endpoint.host})
        labels = {f"pod:{k}": f"={v}" for k, v in endpoint.peer.pod_labels}
        spaces = {f"namespace:{k}": f"={v}" for k, v in endpoint.peer.namespace_labels}
        return EGRESS_PEER.written({**flow, **labels, **spaces})

    def _reach(
        self, name: str, kind: str, region: Region, reasons: list[Derivation], where: Place
    ) -> None:
        limit = self.limits[region.domain.name]
        inside = region - limit.taken
        inside = inside & limit.cap if limit.cap is not None else inside.domain.empty
        if inside != region:
            self._say(
                "PC4007",
                f"agent `{self.agent.name}` may use `{name}` and may not reach it: "
                + "; ".join((region - inside).describe()[:1]),
                "grant its endpoint in the cap's `egress` lines",
                Severity.WARNING,
            )
        for reason in reasons:
            note = f"the endpoint of {kind} {name}"
            self._grant(
                inside,
                Derivation(
                    Step.DECLARED,
                    tuple(sorted({*reason.places, where})),
                    reason.evidence,
                    reason.needed,
                    note,
                ),
            )

    # -- report --------------------------------------------------------------------------

    def _say(
        self,
        code: str,
        message: str,
        hint: str,
        severity: Severity,
        related: tuple[Related, ...] = (),
    ) -> None:
        span = self.agent.learning.span if self.agent.learning else self.agent.span
        self.found.append(Diagnostic(code, message, span, related, hint, severity=severity))

    def _report(self) -> None:
        name = self.agent.name
        for domain, items in sorted(self.outside.items()):
            whats = sorted({c.what for c in items})
            if domain == "unattributed":
                self._say(
                    "PC4003",
                    f"agent `{name}`: {len(whats)} in-cluster peers are known by address only: {_list(whats)}",
                    "record with a source that names pods, or grant the network with `allow ... cidr`",
                    Severity.WARNING,
                )
            elif self.limits[domain].cap is None:
                self._say(
                    "PC4002",
                    f"agent `{name}`: {len(whats)} observed in `{domain}`, which its root class does not mention: {_list(whats)}",
                    "a domain that no root class mentions is empty: name it in the root's cap",
                    Severity.WARNING,
                )
            else:
                related = tuple(
                    Related(c.span, f"the cap of `{level.class_name}`")
                    for level in self.agent.caps[-1:]
                    for c in level.clauses
                    if c.domain == domain
                )[:2]
                self._say(
                    "PC4001",
                    f"agent `{name}`: {len(whats)} observed in `{domain}` outside the cap: {_list(whats)}",
                    "widen the cap in review, or let the agent lose it",
                    Severity.WARNING,
                    related,
                )
        for reason, entries in sorted(self.overreach.items()):
            whats = sorted({c.what for c, _, _ in entries})
            taker = entries[0][2]
            places = tuple(sorted({str(e) for c, _, _ in entries for e in c.derivation.evidence}))
            related = (Related(taker.span, "the line that beats it"),) if taker else ()
            self._say(
                "PC4010",
                f"agent `{name}`: inherited overreach, observed and not granted: {_list(whats)}; {reason}",
                f"seen at {_list(list(places))}: take the right away where it is inherited from",
                Severity.WARNING,
                related,
            )
        self._report_lossy()

    def _report_lossy(self) -> None:
        if self.observed.lossy:
            self._say(
                "PC4008",
                f"agent `{self.agent.name}`: events were lost in {_list(sorted(self.observed.lossy))}",
                "what was seen is granted; that something was not seen proves nothing",
                Severity.NOTE,
            )
        seen_on = {o.architecture for o in self.observed.observations if isinstance(o, SyscallSeen)}
        blind = [a for a in self.policy.cluster.architectures if a not in seen_on]
        if seen_on and blind and self.agent.workload is not None:
            self._say(
                "PC4009",
                f"agent `{self.agent.name}`: no recording on {_list(blind)}, so its profile there has only "
                "what `allow` lines grant",
                "record on a node of that architecture, or take it out of the `cluster` block",
                Severity.NOTE,
            )

    # -- result --------------------------------------------------------------------------

    def _envelope(self, usable: Iterable[Observation]) -> Envelope:
        agent = self.agent
        grants = {
            name: tuple(
                Grant(region, tuple(reasons))
                for region, reasons in sorted(
                    self.grants.get(name, {}).items(), key=lambda pair: str(pair[0].encode())
                )
            )
            for name in DOMAINS
        }
        regions = {name: DOMAINS[name].union(g.region for g in grants[name]) for name in DOMAINS}
        return Envelope(
            Subject(
                agent.name,
                agent.class_name,
                agent.stage,
                agent.tier,
                agent.owner,
                agent.workload,
                agent.managed,
                agent.service_account,
                agent.pod_labels,
            ),
            regions,
            grants,
            tuple(self._resolutions(regions["egress_host"], usable)),
            tuple(
                Approval(
                    rule.clause.domain, rule.clause.region & regions[rule.clause.domain], rule.by
                )
                for rule in agent.approvals
                if rule.clause.region & regions[rule.clause.domain]
            ),
            agent.delegates,
            agent.pod,
            self.policy.cluster,
        )

    def _resolutions(self, hosts: Region, usable: Iterable[Observation]) -> Iterable[Resolution]:
        """The addresses that granted names were seen to resolve to, protected ones left out."""
        found: dict[tuple[str, str, int], dict[str, list[Derivation]]] = {}
        guarded = protected()["egress_ip"]
        for peer in usable:
            if (
                not isinstance(peer, PeerSeen)
                or peer.direction is not Direction.EGRESS
                or not peer.address
            ):
                continue
            flow = {"protocol": peer.protocol, "port": str(peer.port)}
            if {**flow, "address": peer.address} in guarded:
                continue
            for host in peer.hosts:
                if {**flow, "host": host} in hosts:
                    note = f"{host} was resolved to it"
                    by_address = found.setdefault((host, peer.protocol, peer.port), {})
                    by_address.setdefault(peer.address, []).append(
                        seen(Step.RESOLVED_HOST, peer.sighting, note)
                    )
        for (host, protocol, port), by_address in sorted(found.items()):
            for address, reasons in sorted(by_address.items()):
                yield Resolution(host, protocol, port, (address,), tuple(reasons))


def _list(words: list[str]) -> str:
    shown = ", ".join(f"`{word}`" for word in words[:_SHOWN])
    return shown + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _is_admin(observation: KubeSeen) -> bool:
    """Whether the request was only possible through an administrator's binding."""
    return observation.granted_by == "ClusterRoleBinding cluster-admin"


def _is_unattributed(peer: PeerSeen) -> bool:
    """An address inside the cluster without a pod's identity: it will be another pod's tomorrow."""
    if peer.is_pod or peer.hosts or not peer.address:
        return False
    address = ipaddress.ip_address(peer.address)
    return any(address in network for network in _CLUSTER_RANGES)
