"""A lowered envelope held against the lines of its policy, read once more.

Lowering cuts each grant on its way and puts the parts together; here only what came out
is looked at, as a whole and without the cutting, so that one of the two would notice a
fault of the other.  Every build asks it, as it reads its artifacts back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from policyc.denote.network_policy import dns_address, dns_pods
from policyc.envelope.domains import DOMAINS, EGRESS_IP, TOOLS
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region
from policyc.envelope.timeline import day_after
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.semantics.protected import protected
from policyc.semantics.rules.agents import CALL_DOMAINS


def beyond(
    agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy, as_of: date
) -> Iterator[str]:
    """What the envelope holds that a line keeps from it, or lacks that one puts on it, in words."""
    yield from _outside(agent, envelope)
    yield from _taken(agent, envelope)
    yield from _guarded(agent, envelope, as_of)
    yield from _unended(envelope, as_of.isoformat())
    yield from _ungated(agent, envelope, policy)


def _outside(agent: CheckedAgent, envelope: Envelope) -> Iterator[str]:
    """Below the cap; an identity is the agent's own where the cap says nothing of identities."""
    for name, domain in DOMAINS.items():
        if not envelope.domains[name]:
            continue
        cap = agent.cap(name)
        if name == "identity" and (cap is None or agent.managed is not None):
            continue
        if cap is None or (agent.managed is not None and name not in CALL_DOMAINS):
            cap = domain.empty
        if not envelope.domains[name] <= cap:
            yield _said(envelope.domains[name] - cap, "outside its cap")


def _taken(agent: CheckedAgent, envelope: Envelope) -> Iterator[str]:
    """Beside what is taken away: grants, addresses of names, and the cluster's DNS."""
    reached = {"egress_ip": _resolved(envelope)}
    reached["egress_ip"] |= EGRESS_IP.union(map(dns_address, envelope.cluster.node_local_dns))
    if envelope.cluster.dns is not None:
        reached["egress_peer"] = dns_pods(envelope.cluster.dns)
    held_in = {**envelope.domains}
    for name, region in reached.items():
        held_in[name] |= region
    for taker in (*agent.nevers, *agent.denies):
        held = held_in[taker.domain]
        if held and held & taker.region:
            yield _said(held & taker.region, f"although `{taker.text}` takes it away")


def _guarded(agent: CheckedAgent, envelope: Envelope, as_of: date) -> Iterator[str]:
    """No protected point that no standing ``allow`` line names."""
    for name, guarded in protected().items():
        held = envelope.domains[name] & guarded
        if held:
            held -= DOMAINS[name].union(
                c.region
                for c in agent.allows
                if c.domain == name and (not c.until or c.until >= as_of.isoformat())
            )
        if name == "egress_ip":
            held |= _resolved(envelope) & guarded
        if held:
            yield _said(held, "although it is protected")


def _unended(envelope: Envelope, today: str) -> Iterator[str]:
    """Nothing rests on a day that has passed; behind each last day exactly that is left which has a
    reason that goes on.
    """
    ends = {d.until for parts in envelope.grants.values() for p in parts for d in p.derivations}
    for day in sorted(ends | {e.until for e in envelope.expiries}):
        if "" < day < today:
            yield f"what ended on {day}"
    for day in sorted(ends - {""}):
        later = envelope.on(day_after(day))
        for name, parts in envelope.grants.items():
            lasting = DOMAINS[name].union(
                p.region for p in parts if max(d.until or "9" for d in p.derivations) > day
            )
            if later.domains[name] != lasting:
                yield f"in {name} another set is left behind {day} than the reasons that go on say"


def _ungated(agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy) -> Iterator[str]:
    """Every gate over what is granted, and the pins of every server that may be used."""
    for rule in agent.approvals:
        name = rule.clause.domain
        gated = DOMAINS[name].union(
            g.region for g in envelope.approvals if (g.domain, g.by) == (name, rule.by)
        )
        if not envelope.domains[name] & rule.clause.region <= gated:
            yield _said(envelope.domains[name] & rule.clause.region, f"without {rule.by}'s gate")
    pinned = {(pin.server, pin.tool, pin.digest) for pin in envelope.pins}
    for thing in policy.declared.values():
        wanted = {(thing.name, *pin) for pin in thing.pins}
        used = wanted and envelope.domains["tools"] & TOOLS.single({"server": thing.name})
        if used and not wanted <= pinned:
            yield f"tools of {thing.name} are granted without their pins"


def _resolved(envelope: Envelope) -> Region:
    return EGRESS_IP.union(
        EGRESS_IP.single({"protocol": r.protocol, "port": str(r.port), "address": a})
        for r in envelope.resolutions
        for a in r.addresses
    )


def _said(region: Region, why: str) -> str:
    return f"{region.domain.name}: {'; '.join(region.describe()[:3])} {why}"
