"""Classes and agents, and their members that are no grants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from policyc.syntax.nodes.grants import Allow, Approve, Cap, Deny, Dormant, IdentityGrant, Never
from policyc.syntax.nodes.leaves import Date, Duration, Name, Node, ObjectRef, String, Word


@dataclass(frozen=True, slots=True)
class Tier(Node):
    """``tier act``."""

    name: Name


@dataclass(frozen=True, slots=True)
class Owner(Node):
    """``owner "team@corp.example"``."""

    contact: String


@dataclass(frozen=True, slots=True)
class UseWindow(Node):
    """``window standard``: the observation window that the class asks for."""

    name: Name


class PodSetting(StrEnum):
    """What ``pod { ... }`` can set; docs/reference/language.md lists the values."""

    SECURITY = "security"  # restricted | baseline
    READ_ONLY_ROOT = "read-only-root"  # true | false
    RUN_AS_USER = "run-as-user"  # a number above 0
    RUNTIME_CLASS = "runtime-class"  # a name
    APPARMOR = "apparmor"  # runtime-default | a localhost profile's name


@dataclass(frozen=True, slots=True)
class PodLine(Node):
    """``read-only-root true``."""

    setting: Word
    value: Word


@dataclass(frozen=True, slots=True)
class PodBaseline(Node):
    """``pod { security restricted ... }``: the pod security baseline."""

    lines: tuple[PodLine, ...]


@dataclass(frozen=True, slots=True)
class Workload(Node):
    """``workload Deployment support/triage-bot container agent``.

    ``kind`` is a kind of the table, or ``Kind.group`` for a custom resource.
    """

    kind: Word
    ref: ObjectRef
    container: Word


@dataclass(frozen=True, slots=True)
class Managed(Node):
    """``managed bedrock "arn:aws:bedrock:..."``: no container of ours, the call envelope only."""

    provider: Word  # bedrock, vertex or foundry
    resource: String


@dataclass(frozen=True, slots=True)
class Identity(Node):
    """``identity support/triage-bot [aws "arn:..."]``: the agent's own ServiceAccount."""

    ref: ObjectRef
    cloud: tuple[IdentityGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class Learn(Node):
    """``learn under standard since 2026-08-01 from "profiles/*.json"``."""

    window: Name
    since: Date
    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class PreEnforced(Node):
    """``pre-enforced from staging "profiles/*.json"``: the track for regulated agents."""

    environment: Word
    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class Stage(Node):
    """``stage observe | audit | enforce``."""

    name: Word


@dataclass(frozen=True, slots=True)
class Widen(Node):
    """``widen egress to /24 when seen >= 3 in 7d``: one rung of the CIDR ladder."""

    domain: Word  # egress
    prefix: int
    seen: int
    within: Duration


@dataclass(frozen=True, slots=True)
class Delegates(Node):
    """``delegates to billing-bot, research.searcher``."""

    agents: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Without(Node):
    """``without memory because "..."``: there is no component of this category, and why."""

    component: Word
    because: String


ClassMember: TypeAlias = (
    Tier | Owner | UseWindow | Cap | Never | Approve | PodBaseline | Widen | Without
)


AgentMember: TypeAlias = (
    Tier
    | Owner
    | UseWindow
    | Workload
    | Managed
    | Identity
    | Learn
    | PreEnforced
    | Stage
    | Widen
    | Allow
    | Deny
    | Dormant
    | Approve
    | Delegates
    | Without
)


@dataclass(frozen=True, slots=True)
class Class(Node):
    """``class support-desk extends corp.web-client { ... }``."""

    name: Name
    parent: Name | None
    members: tuple[ClassMember, ...]


@dataclass(frozen=True, slots=True)
class Agent(Node):
    """``agent triage-bot is support-desk { ... }``."""

    name: Name
    class_name: Name
    members: tuple[AgentMember, ...]
