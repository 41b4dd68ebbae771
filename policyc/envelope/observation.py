"""What was seen, source-independent: the second inlet of the compiler.

Profiles turn into these; lowering consumes them.  Values are as recorded:
generalisation is lowering's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from policyc.envelope.provenance import Evidence


class Phase(StrEnum):
    SETUP = "setup"  # the container runtime before it handed over
    APPLICATION = "application"
    UNKNOWN = "unknown"  # the source does not tell


class Sighting(NamedTuple):
    """How, how often and where an item was seen: in ``runs`` of ``of_runs`` runs.

    ``first_seen`` and ``last_seen`` are RFC 3339 UTC to the second, or empty
    when the source does not tell.
    """

    evidence: tuple[Evidence, ...]
    phase: Phase = Phase.UNKNOWN
    runs: int = 1
    of_runs: int = 1
    first_seen: str = ""
    last_seen: str = ""


_NOWHERE = Sighting(())


@dataclass(frozen=True, slots=True)
class SyscallSeen:
    architecture: str  # Go's GOARCH word: amd64, arm64, ...; 386 and arm for compat calls
    name: str
    sighting: Sighting
    denied: bool = False  # tried, and refused by seccomp


@dataclass(frozen=True, slots=True)
class ExecSeen:
    path: str
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class FileSeen:
    path: str
    modes: frozenset[str]  # read, write
    sighting: Sighting


class Direction(StrEnum):
    EGRESS = "egress"
    INGRESS = "ingress"


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """One network peer.  Which of address, hosts and labels are known depends on the source."""

    direction: Direction
    protocol: str  # tcp, udp, sctp
    port: int  # the port of the listening side
    address: str = ""  # IPv4 or IPv6
    hosts: tuple[str, ...] = ()  # names it was resolved from, lower case, no final dot
    namespace_labels: tuple[tuple[str, str], ...] = ()
    pod_labels: tuple[tuple[str, str], ...] = ()
    is_pod: bool = False  # labels are complete: an empty tuple means no labels were needed
    sighting: Sighting = _NOWHERE
    unanswered: bool = False  # tried, and nobody answered: a policy dropped it, or nobody was there
    claimed: tuple[str, ...] = ()  # what the program called it, and no answer of a name server


@dataclass(frozen=True, slots=True)
class KubeSeen:
    """One kind of granted API request; ``url`` for non-resource requests, else empty."""

    verb: str
    group: str = ""
    resource: str = ""  # with its subresource: pods/log
    namespace: str = ""  # empty: cluster-scoped, or across all namespaces
    name: str = ""  # empty: list, create, ...
    url: str = ""
    granted_by: str = ""  # what granted it, `ClusterRoleBinding x of ClusterRole y`, or empty
    sighting: Sighting = _NOWHERE


@dataclass(frozen=True, slots=True)
class CapabilitySeen:
    name: str  # without CAP_
    granted: bool
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class ToolSeen:
    server: str
    tool: str
    sighting: Sighting
    claimed: bool = False  # nobody is known to have been called by that name


@dataclass(frozen=True, slots=True)
class ModelSeen:
    model: str  # provider/name
    gateway: str  # empty: called directly
    sighting: Sighting
    claimed: bool = False  # as of a tool


@dataclass(frozen=True, slots=True)
class MemorySeen:
    store: str
    operation: str  # read, write, delete
    scope: str
    sighting: Sighting


Observation: TypeAlias = (
    SyscallSeen
    | ExecSeen
    | FileSeen
    | PeerSeen
    | KubeSeen
    | CapabilitySeen
    | ToolSeen
    | ModelSeen
    | MemorySeen
)


def is_vain(observation: Observation) -> bool:
    """Whether it was only tried: refused by seccomp, answered by nobody, or feigned for all that is known.

    That grants nothing.
    """
    match observation:
        case SyscallSeen():
            return observation.denied
        case PeerSeen():
            return observation.unanswered
        case ToolSeen() | ModelSeen():
            return observation.claimed
    return False


@dataclass(frozen=True, slots=True)
class Observed:
    """All that profiles say of one container of one workload template.

    ``lossy`` names the domains (syscalls, files, ...) of which events were lost:
    they may widen an envelope but prove nothing absent.  ``stale`` names, in words, what
    was last seen before the first day that counts: it is no observation.
    """

    observations: tuple[Observation, ...] = ()
    lossy: frozenset[str] = frozenset()
    runs: int = 0
    stale: tuple[str, ...] = ()
