"""The cluster's DNS, of which lines that take away leave an agent more or less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policyc.denote.network_policy import dns_address, dns_pods
from policyc.envelope.model import ClusterFacts
from policyc.envelope.region import Region
from policyc.lower.limits import Limit
from policyc.semantics.model import Clause


def dns_left(
    cluster: ClusterFacts, limits: Mapping[str, Limit]
) -> tuple[ClusterFacts, dict[str, Clause]]:
    """The facts with the DNS servers that the agent may ask, and each other one with what takes it.

    A server of which a line takes only TCP or only UDP is left out as a whole: resolvers need
    both (RFC 7766, section 5).
    """
    taken: dict[str, Clause] = {}
    pods = cluster.dns
    if pods is not None and (taker := _taker(dns_pods(pods), limits)):
        taken[f"pods {', '.join('='.join(label) for label in pods.pod_labels)}"] = taker
        pods = None
    local = []
    for address in cluster.node_local_dns:
        if taker := _taker(dns_address(address), limits):
            taken[address] = taker
        else:
            local.append(address)
    return replace(cluster, dns=pods, node_local_dns=tuple(local)), taken


def _taker(flows: Region, limits: Mapping[str, Limit]) -> Clause | None:
    takers = limits[flows.domain.name].takers
    return next((taker for taker in takers if flows & taker.region), None)
