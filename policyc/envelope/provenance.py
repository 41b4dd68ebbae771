"""Why a permission exists: plain data, no source text, so that it can cross the waist."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Place(NamedTuple):
    """A line of a policy file; 1-based line and column."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Evidence(NamedTuple):
    """An item of a profile: the file below the policy root and an RFC 6901 JSON pointer."""

    path: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.path}#{self.pointer}"


class Step(StrEnum):
    """What lowering did to arrive at a grant."""

    OBSERVED = "observed"  # exactly as seen
    ALLOWED = "allowed"  # an `allow` line of the policy
    TYPED_PATH = "typed-path"  # a volatile path segment became its type
    SYSCALL_CLASS = "syscall-class"  # an equivalent of a syscall that was seen
    OWNER_SELECTOR = "owner-selector"  # a pod became the labels its owner gives it
    CIDR_LADDER = "cidr-ladder"  # enough addresses of one network were seen
    NAMED = "named"  # what a recording calls it is a declared thing, by its place
    RESOLVED_HOST = "resolved-host"  # an address that a granted name was resolved to
    START_UP = "start-up"  # the container runtime's own set
    UNSEEN = "unseen"  # no recording can be trusted to hold it, and it gives no right
    CLUSTER_DNS = "cluster-dns"  # names cannot be resolved without it
    DECLARED = "declared"  # follows from a declaration: identity, MCP server's address
    BASELINE = "baseline"  # the pod security baseline
    FIXED = "fixed"  # form of the artifact, the same for every agent; grants nothing


class Derivation(NamedTuple):
    """One reason that is enough by itself.

    It holds as long as at least ``needed`` of ``evidence`` exist (0 when it does
    not rest on observation) and every line of ``places`` stands, and not after the day
    ``until`` (YYYY-MM-DD, UTC; empty: for good).  ``note`` says in a few words what the
    step did (``equivalent of openat``).
    """

    step: Step
    places: tuple[Place, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    needed: int = 0
    note: str = ""
    until: str = ""

    def holds_without(self, removed: frozenset[Evidence]) -> bool:
        return sum(e not in removed for e in self.evidence) >= self.needed
