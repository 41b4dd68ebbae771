"""The blast score of a permission: deterministic, and no lower for more permission or more agents.

    score = (data + system + scope) * (1 + downstream)

``data`` and ``system`` are the highest levels (0 to 4) of the rows of
``policyc.catalog.blast`` that the permission meets, ``scope`` is 1 where it reaches beyond the
agent's own namespace, and ``downstream`` is the number of other agents that act on the
agent's word: its delegates, and theirs in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from policyc.catalog.blast import DATA, FLOWS, SYSTEM, TOOL_LEVEL, Row
from policyc.envelope.domains import EGRESS_IP, KUBE
from policyc.envelope.region import Region


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


_FLOORS = ((10, Level.CRITICAL), (6, Level.HIGH), (3, Level.MEDIUM))


@dataclass(frozen=True, slots=True)
class Blast:
    """The parts of a score, each 0 or more."""

    data: int
    system: int
    scope: int
    downstream: int

    @property
    def score(self) -> int:
        return (self.data + self.system + self.scope) * (1 + self.downstream)

    @property
    def level(self) -> Level:
        return next((level for floor, level in _FLOORS if self.score >= floor), Level.LOW)


def blast(region: Region, namespace: str, downstream: int) -> Blast:
    """The score of a permission of an agent in a namespace."""
    match region.domain.name:
        case "kube":
            data, system = (_highest(region, rows) for rows in (_DATA, _SYSTEM))
            beyond = KUBE.full - KUBE.single({"namespace": namespace}) if namespace else KUBE.full
            return Blast(data, system, int(bool(region & beyond)), downstream)
        case "egress_ip":
            return Blast(_flow_level(region), 0, 0, downstream)
        case "egress_peer" | "egress_host" | "kube_url":
            return Blast(int(bool(region)), 0, 0, downstream)
        case _:
            level = TOOL_LEVEL if region else 0
            return Blast(level, level, 0, downstream)


def downstream(agent: str, delegates: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The agents that act on an agent's word, directly or through others; never itself."""
    found: set[str] = set()
    waiting = [agent]
    while waiting:
        for other in delegates.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found - {agent})


_DATA, _SYSTEM = "data", "system"
_TABLES = {_DATA: DATA, _SYSTEM: SYSTEM}


@cache
def _table(name: str) -> tuple[tuple[int, Region], ...]:
    return tuple((row.level, _region(row)) for row in _TABLES[name])


def _region(row: Row) -> Region:
    box: dict[str, tuple[str, ...]] = {}
    if row.verbs:
        box["verb"] = row.verbs
    if row.resources:
        box["resource"] = row.resources
    return KUBE.written(box)


def _highest(region: Region, table: str) -> int:
    return max((level for level, part in _table(table) if region & part), default=0)


def _flow_level(region: Region) -> int:
    """The highest level of the networks that the flows cover whole, at least 1 for any flow."""
    if not region:
        return 0
    wide = [
        level
        for network, level in FLOWS.items()
        if any(
            EGRESS_IP.written({"address": network, "protocol": protocol, "port": str(port)})
            <= region
            for protocol in ("tcp", "udp")
            for port in (80, 443)
        )
    ]
    return max([1, *wide])
