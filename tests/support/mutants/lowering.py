"""Bugs of lowering: limits, dates, identity, and what is granted by the way."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_LOWER = "policyc.lower.lower"
_DAYS = "policyc.lower.days"
_LIMITS = "policyc.lower.limits"
_ENDPOINTS = "policyc.lower.endpoints"
_RESOLUTIONS = "policyc.lower.resolutions"
_MODEL = "policyc.semantics.model"
_PROTECTED = "policyc.semantics.protected"

LOWERING = (
    Mutation(
        "cap-of-observed",
        _LIMITS,
        "inside = left & limit.cap",
        "inside = left",
        "what was observed outside the cap is granted",
    ),
    Mutation(
        "cap-of-the-rest",
        _LIMITS,
        "return (region - self.taken) & self.cap",
        "return region - self.taken",
        "the way to a declared thing is granted outside the cap",
    ),
    Mutation(
        "cap-joined",
        _MODEL,
        "region &= level.regions[domain]",
        "region |= level.regions[domain]",
        "a class adds to the cap of the one it extends",
    ),
    Mutation(
        "never-ignored",
        _LIMITS,
        "takers = (*agent.nevers, *agent.denies)",
        "takers = agent.denies",
        "`never` lines take nothing away",
    ),
    Mutation(
        "deny-ignored",
        _LIMITS,
        "takers = (*agent.nevers, *agent.denies)",
        "takers = agent.nevers",
        "`deny` lines take nothing away",
    ),
    Mutation(
        "taken-of-observed",
        _LIMITS,
        "left = region - limit.taken",
        "left = region",
        "what is observed beats `never` and `deny`",
    ),
    Mutation(
        "taken-of-allowed",
        _LOWER,
        "self._grant(self.limits[clause.domain].inside(clause.region), why)",
        "self._grant(clause.region & self.limits[clause.domain].cap, why)",
        "an `allow` line beats `never` and `deny`",
    ),
    Mutation(
        "protected-metadata",
        _PROTECTED,
        'EGRESS_IP.written({"address": METADATA_ADDRESSES})',
        'EGRESS_IP.written({"address": METADATA_ADDRESSES[1:]})',
        "a metadata service is no protected point",
    ),
    Mutation(
        "allow-ends-early",
        _DAYS,
        "date.fromisoformat(clause.until) < as_of",
        "date.fromisoformat(clause.until) <= as_of",
        "an allowance ends a day too early",
    ),
    Mutation(
        "allow-stands-late",
        _DAYS,
        "return bool(clause.until) and",
        "return clause.until.startswith('2025') and",
        "an allowance whose day has passed stands",
    ),
    Mutation(
        "allow-never-ends",
        _LOWER,
        "note=note, until=clause.until)",
        "note=note)",
        "an allowance has no last day once it is compiled",
    ),
    Mutation(
        "expiry-late",
        _LOWER,
        "if any(not d.until or d.until > day for d in part.derivations)",
        "if any(not d.until or d.until >= day for d in part.derivations)",
        "what ends with a day does not end",
    ),
    Mutation(
        "expiry-with-others",
        _LOWER,
        "if any(not d.until or d.until > day for d in part.derivations)",
        "if all(not d.until or d.until > day for d in part.derivations)",
        "what has a lasting reason too ends with the one that does not last",
    ),
    Mutation(
        "fleeting-granted",
        _LOWER,
        "elif candidate.is_fleeting:",
        'elif candidate.is_fleeting and candidate.domain == "egress_host":',
        "an address that is another pod's tomorrow is granted",
    ),
    Mutation(
        "administrators-requests",
        _LOWER,
        'return role == "ClusterRole cluster-admin" or binding',
        "return binding",
        "what only an administrator's role permitted is granted",
    ),
    Mutation(
        "set-up-granted",
        _LOWER,
        "if phase is Phase.SETUP or (phase is Phase.UNKNOWN and is_setup_call):",
        "if phase is Phase.UNKNOWN and is_setup_call:",
        "the calls of the container runtime are granted to the agent",
    ),
    Mutation(
        "set-up-unknown",
        _LOWER,
        "if phase is Phase.SETUP or (phase is Phase.UNKNOWN and is_setup_call):",
        "if phase is Phase.SETUP:",
        "calls that only a container runtime makes are granted where the recording is not sure",
    ),
    Mutation(
        "gates-lost",
        _LOWER,
        "tuple(gate for gate in gates if gate.region)",
        "tuple(gate for gate in gates if not gate.region)",
        "a human gate is lost where there is something to gate",
    ),
    Mutation(
        "pins-lost",
        _LOWER,
        'tuple(_pins(self.policy.declared, regions["tools"])),',
        "(),",
        "descriptions of tools are not pinned",
    ),
    Mutation(
        "delegates-lost",
        _LOWER,
        "            agent.delegates,\n",
        "            (),\n",
        "whom the agent hands work to is forgotten",
    ),
    Mutation(
        "endpoints-never-end",
        _ENDPOINTS,
        "reason.evidence, reason.needed, note, reason.until)",
        "reason.evidence, reason.needed, note)",
        "the way to a tool outlives the tool's last day",
    ),
    Mutation(
        "resolutions-open",
        _RESOLUTIONS,
        'address = "" if _point(peer) in closed else peer.address',
        "address = peer.address",
        "an address that is taken away is open by its name",
    ),
    Mutation(
        "resolutions-of-others",
        _RESOLUTIONS,
        '"port": str(peer.port), "host": host} in hosts:',
        '"port": str(peer.port), "host": host} in hosts or hosts:',
        "addresses of names that are not granted are open",
    ),
    Mutation(
        "dns-beats-never",
        "policyc.lower.dns",
        "        pods = None\n",
        "",
        "DNS servers may be asked that a line takes away",
    ),
    Mutation(
        "reasons-first",
        _LOWER,
        "if derivation not in reasons:",
        "if not reasons:",
        "a grant has one of its reasons, and outlives the loss of it",
    ),
    Mutation(
        "reasons-unneeded",
        "policyc.lower.candidates",
        "return Derivation(step, (), sighting.evidence, 1, note)",
        "return Derivation(step, (), sighting.evidence, 0, note)",
        "a reason holds without any of its evidence",
    ),
    Mutation(
        "evidence-first",
        "policyc.lower.candidates",
        "return Derivation(step, (), sighting.evidence, 1, note)",
        "return Derivation(step, (), sighting.evidence[:1], 1, note)",
        "a reason has one of the places that show it",
    ),
)
