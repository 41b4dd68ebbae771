"""What was observed, as regions of the domains in which permissions are declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policyc.envelope.domains import DOMAINS, EGRESS_IP
from policyc.envelope.model import Envelope
from policyc.envelope.observation import (
    Direction,
    Observation,
    Observed,
    PeerSeen,
    Phase,
    ToolSeen,
    is_vain,
)
from policyc.envelope.region import Region
from policyc.lower.generalise import generalise
from policyc.lower.generalise.peers import addressed
from policyc.lower.names import UnnamedError
from policyc.semantics.model import CheckedAgent, CheckedPolicy

_RECORDED_AS = {"kube": "kube", "kube_url": "kube", "tools": "tools"} | dict.fromkeys(
    ("egress_ip", "egress_peer", "egress_host"), "egress"
)
"""Domain of the envelope -> domain of a profile."""


@dataclass(frozen=True, slots=True)
class Use:
    """What the recordings of an agent show used: ``regions`` by domain of the envelope.

    ``looked_at`` are the domains in which a recording saw anything, lost nothing and left no
    doubt who it was: only there the absence of something is evidence.
    """

    regions: Mapping[str, Region]
    looked_at: frozenset[str]

    def is_used(self, region: Region) -> bool:
        """Whether any of the requests or flows of a region was seen."""
        return bool(region & self.regions.get(region.domain.name, region.domain.empty))


def use(observed: Observed, agent: CheckedAgent, policy: CheckedPolicy, envelope: Envelope) -> Use:
    """The use that an agent's observations show; the container runtime's set-up is none of it.

    Whoever uses a declared server or store goes to its endpoint: what the envelope grants by an
    observation is used.
    """
    found: dict[str, list[Region]] = {
        name: [g.region for g in grants if any(d.evidence for d in g.derivations)]
        for name, grants in envelope.grants.items()
    }
    doubtful = set(observed.lossy)
    for observation in observed.observations:
        if observation.sighting.phase is not Phase.SETUP and not is_vain(observation):
            try:
                for region in _regions(observation, agent, policy):
                    found.setdefault(region.domain.name, []).append(region)
            except UnnamedError:
                if isinstance(observation, ToolSeen):
                    doubtful.add("tools")  # it may be the use of any server
    regions = {name: DOMAINS[name].union(parts) for name, parts in found.items()}
    looked_at = frozenset(
        name
        for name, word in _RECORDED_AS.items()
        if word not in doubtful and _was_recorded(observed, word)
    )
    return Use(regions, looked_at)


def _was_recorded(observed: Observed, word: str) -> bool:
    kinds = {"KubeSeen": "kube", "ToolSeen": "tools", "PeerSeen": "egress"}
    return any(
        kinds.get(type(o).__name__) == word
        and not (isinstance(o, PeerSeen) and o.direction is Direction.INGRESS)
        for o in observed.observations
    )


def _regions(
    observation: Observation, agent: CheckedAgent, policy: CheckedPolicy
) -> Iterable[Region]:
    try:
        yield from (candidate.region for candidate in generalise(observation, agent, policy))
    except UnnamedError:
        raise
    except ValueError:  # no domain has a place for it, so no permission names it either
        return
    if isinstance(observation, PeerSeen) and observation.direction is Direction.EGRESS:
        yield _flow(observation)


def _flow(peer: PeerSeen) -> Region:
    """The flow by its address; a peer known by name only may be at any address."""
    if peer.address and peer.port:
        return addressed(peer).region
    flow = {"protocol": peer.protocol, "port": str(peer.port)}
    return EGRESS_IP.written(flow) if not peer.is_pod else EGRESS_IP.empty
