"""The tree of an ``.agentpol`` file.

Every node carries its ``span``, which takes no part in equality: two trees are
equal when they say the same.  Nodes hold what was written, in the order it was
written; nothing is resolved here.  docs/reference/language.md shows the form of
each construct.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from policyc.core.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


# -- leaves ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name(Node):
    """An identifier, maybe qualified by an import's alias: ``corp.web-client``."""

    text: str
    qualifier: str | None = None

    def __str__(self) -> str:
        return f"{self.qualifier}.{self.text}" if self.qualifier else self.text


@dataclass(frozen=True, slots=True)
class Word(Node):
    """A bare word of a closed vocabulary or an open one: a verb, a syscall, a tool pattern."""

    text: str


@dataclass(frozen=True, slots=True)
class String(Node):
    """A double-quoted string, its escapes undone."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A non-negative decimal number; ``text`` keeps what was written (``0.5``)."""

    text: str


@dataclass(frozen=True, slots=True)
class Date(Node):
    """``YYYY-MM-DD``; an end date means the end of that day, UTC."""

    text: str


@dataclass(frozen=True, slots=True)
class Duration(Node):
    """A whole number of ``s``, ``m``, ``h`` or ``d``."""

    text: str

    @property
    def seconds(self) -> int:
        return int(self.text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[self.text[-1]]


@dataclass(frozen=True, slots=True)
class ObjectRef(Node):
    """A namespaced Kubernetes object: ``support/triage-bot``."""

    namespace: Word
    name: Word


@dataclass(frozen=True, slots=True)
class Label(Node):
    """``key=value`` of a label selector."""

    key: Word
    value: Word


@dataclass(frozen=True, slots=True)
class PortRange(Node):
    """Ports ``first`` to ``last`` inclusive; ``*`` is 0 to 65535."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """A name or a name pattern: ``ticket.read``, ``"faq-*"``, ``*``.

    Only a trailing ``*`` stands for more than itself.
    """

    text: str


# -- peers -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostPeer(Node):
    """``host api.example.com`` or ``host *.example.com`` (one or more labels in front)."""

    host: Word


@dataclass(frozen=True, slots=True)
class CidrPeer(Node):
    """``cidr 10.20.0.0/16 except (10.20.9.0/24)``."""

    cidr: Word
    excepts: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class ServicePeer(Node):
    """``service support/kb-api``: the pods behind a Service of the cluster's manifests."""

    service: ObjectRef


@dataclass(frozen=True, slots=True)
class PodsPeer(Node):
    """``pods labeled app=kb in namespace support``; no labels: every pod of the namespace(s)."""

    pod_labels: tuple[Label, ...] = ()
    namespaces: tuple[Word, ...] = ()
    namespace_labels: tuple[Label, ...] = ()
    any_namespace: bool = False


@dataclass(frozen=True, slots=True)
class AnyPeer(Node):
    """``anywhere``: every address, host name and pod."""


Peer: TypeAlias = HostPeer | CidrPeer | ServicePeer | PodsPeer | AnyPeer


# -- grants ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EgressGrant(Node):
    """``egress tcp 443, 8443 to PEER, PEER``."""

    protocol: Word  # tcp, udp, sctp or *
    ports: tuple[PortRange, ...]
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class IngressGrant(Node):
    """``ingress tcp 8080 from PEER, PEER``."""

    protocol: Word
    ports: tuple[PortRange, ...]
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class KubeGrant(Node):
    """``kube get, list on configmaps, deployments.apps in namespace a named "faq-*"``.

    No ``in``: every namespace and the cluster scope.  ``in cluster``: only
    cluster-scoped requests.  A resource is ``plural[/sub][.group]`` or ``*``.
    """

    verbs: tuple[Word, ...]
    resources: tuple[Word, ...]
    namespaces: tuple[Word, ...] = ()
    cluster_scope: bool = False
    names: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class KubeUrlGrant(Node):
    """``kube get on url "/healthz", "/metrics/*"``: non-resource requests."""

    verbs: tuple[Word, ...]
    urls: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class SyscallGrant(Node):
    """``syscalls profile runtime-default except ptrace`` or ``syscalls read, write on amd64``.

    No ``on``: every architecture that we know.
    """

    profile: Word | None = None
    names: tuple[Word, ...] = ()
    excepts: tuple[Word, ...] = ()
    architectures: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class CapabilityGrant(Node):
    """``capabilities NET_BIND_SERVICE``."""

    names: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ExecGrant(Node):
    """``exec "/usr/bin/python3.11", "/app/**"``."""

    paths: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class FileGrant(Node):
    """``files read, write "/data/**"``."""

    modes: tuple[Word, ...]
    paths: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class ToolGrant(Node):
    """``tool zendesk: ticket.read, ticket.*``."""

    server: Name
    tools: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class ModelGrant(Node):
    """``model anthropic/claude-* via llm-gateway``; no ``via``: the provider itself."""

    models: tuple[Pattern, ...]
    gateway: Name | None = None


@dataclass(frozen=True, slots=True)
class MemoryGrant(Node):
    """``memory read on rag.support-kb scope "tenant-a"``; no scope: every scope."""

    operations: tuple[Word, ...]
    stores: tuple[Name, ...]
    scopes: tuple[String, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityGrant(Node):
    """``identity service-account support/triage-bot`` or ``identity aws "arn:aws:iam::..."``.

    ``provider`` is ``service-account``, ``aws``, ``gke`` or ``azure``.
    """

    provider: Word
    names: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class ImageGrant(Node):
    """``image ghcr.io/acme/*``: where the container's image may come from."""

    images: tuple[Pattern, ...]


Grant: TypeAlias = (
    EgressGrant
    | IngressGrant
    | KubeGrant
    | KubeUrlGrant
    | SyscallGrant
    | CapabilityGrant
    | ExecGrant
    | FileGrant
    | ToolGrant
    | ModelGrant
    | MemoryGrant
    | IdentityGrant
    | ImageGrant
)


@dataclass(frozen=True, slots=True)
class Never(Node):
    """``never GRANT``, in a cap, in a class or in an assertion."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Cap(Node):
    """``cap { GRANT... never GRANT... }``."""

    items: tuple[Grant | Never, ...]


@dataclass(frozen=True, slots=True)
class Allow(Node):
    """``allow GRANT [until DATE] because "..."``."""

    grant: Grant
    because: String | None
    until: Date | None = None


@dataclass(frozen=True, slots=True)
class Deny(Node):
    """``deny GRANT [because "..."]``."""

    grant: Grant
    because: String | None = None


@dataclass(frozen=True, slots=True)
class Dormant(Node):
    """``dormant revoke GRANT until DATE because "..."``: what is decided on an unused permission."""

    decision: Word
    grant: Grant
    because: String | None = None
    until: Date | None = None


@dataclass(frozen=True, slots=True)
class Approve(Node):
    """``approve GRANT by "someone"``: a human gate in front of the grant."""

    grant: Grant
    by: String


# -- members of classes and agents ---------------------------------------------


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


# -- top level -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edition(Node):
    year: Number


@dataclass(frozen=True, slots=True)
class Import(Node):
    """``import "baselines/corp.agentpol" as corp``; the path is below the policy root."""

    path: String
    alias: Name


@dataclass(frozen=True, slots=True)
class Tiers(Node):
    """``tiers observe < assist < act``: from the least autonomous to the most."""

    names: tuple[Name, ...]


class ClusterSetting(StrEnum):
    """The lines of ``cluster { ... }``."""

    MANIFESTS = "manifests"
    DNS = "dns"
    NODE_LOCAL_DNS = "node-local-dns"
    RUNTIMES = "runtimes"
    ARCHITECTURES = "architectures"


@dataclass(frozen=True, slots=True)
class ClusterManifests(Node):
    """``manifests "cluster/*.yaml"``: Services, Namespaces and workloads as applied."""

    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class ClusterDns(Node):
    """``dns pods labeled k8s-app=kube-dns in namespace kube-system``."""

    pods: PodsPeer


@dataclass(frozen=True, slots=True)
class ClusterNodeLocalDns(Node):
    """``node-local-dns 169.254.20.10``."""

    addresses: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ClusterRuntimes(Node):
    """``runtimes runc, crun``: whose start-up syscalls the seccomp profile must admit."""

    names: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ClusterArchitectures(Node):
    """``architectures amd64, arm64``: the nodes' machine types."""

    names: tuple[Word, ...]


ClusterMember: TypeAlias = (
    ClusterManifests | ClusterDns | ClusterNodeLocalDns | ClusterRuntimes | ClusterArchitectures
)


@dataclass(frozen=True, slots=True)
class Cluster(Node):
    """``cluster { ... }``: the facts of the cluster that artifacts depend on; at most one."""

    members: tuple[ClusterMember, ...]


@dataclass(frozen=True, slots=True)
class AtLeast(Node):
    """``at least 14d and 500 sessions``; either part may be absent."""

    duration: Duration | None
    sessions: Number | None


@dataclass(frozen=True, slots=True)
class ExpectRate(Node):
    """One term of ``expect fewer than 0.5 new syscalls, 0.1 new egress per run``."""

    rate: Number
    domain: Word


@dataclass(frozen=True, slots=True)
class ExpectFewer(Node):
    terms: tuple[ExpectRate, ...]


@dataclass(frozen=True, slots=True)
class Behaviour(Node):
    """``one llm call``: a behaviour that must have been seen ``count`` times."""

    count: Number
    what: Word  # the words joined by single spaces: "llm call", "tool error"


@dataclass(frozen=True, slots=True)
class MustSee(Node):
    behaviours: tuple[Behaviour, ...]


@dataclass(frozen=True, slots=True)
class Quiet(Node):
    """``quiet for 72h``."""

    duration: Duration


WindowMember: TypeAlias = AtLeast | ExpectFewer | MustSee | Quiet


@dataclass(frozen=True, slots=True)
class Window(Node):
    name: Name
    members: tuple[WindowMember, ...]


@dataclass(frozen=True, slots=True)
class Review(Node):
    """``reviewed by "a@b" on 2026-08-01 because "SEC-1"``."""

    by: String
    on: Date
    because: String


@dataclass(frozen=True, slots=True)
class Image(Node):
    """``image ghcr.io/acme/zendesk-mcp@sha256:...``."""

    reference: Word


@dataclass(frozen=True, slots=True)
class At(Node):
    """``at service mcp/zendesk:8080``, ``at host mcp.example.com:443`` or ``at stdio``."""

    transport: Word  # service, host or stdio
    service: ObjectRef | None = None
    host: Word | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Tools(Node):
    """``tools ticket.read, ticket.comment``: the whole surface of the server."""

    names: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Pin(Node):
    """``pin ticket.read sha256:...``: the digest of a tool's description."""

    tool: Pattern
    digest: Word


McpMember: TypeAlias = Image | At | Tools | Pin | Review | Owner


@dataclass(frozen=True, slots=True)
class Mcp(Node):
    """``mcp zendesk { ... }``."""

    name: Name
    members: tuple[McpMember, ...]


@dataclass(frozen=True, slots=True)
class ModelNames(Node):
    """``models anthropic/claude-sonnet-4, anthropic/claude-*`` in a gateway or provider."""

    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Gateway(Node):
    """``gateway llm-gateway { at service ai/gw:8080; models ...; reviewed by ... }``."""

    name: Name
    members: tuple[At | ModelNames | Review | Owner, ...]


@dataclass(frozen=True, slots=True)
class StoreKind(Node):
    """``kind vector | rag | memory | sql``."""

    kind: Word


@dataclass(frozen=True, slots=True)
class Store(Node):
    """``store rag.support-kb { at service support/kb:5432; kind rag; reviewed by ... }``."""

    name: Name
    members: tuple[At | StoreKind | Review | Owner, ...]


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


@dataclass(frozen=True, slots=True)
class ThreatOn(Node):
    """``on tools, memory``."""

    components: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Says(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Refs(Node):
    """``refs LLM01:2025, ASI02:2026, AML.T0053``."""

    refs: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Blast(Node):
    """``blast low | medium | high | critical``."""

    level: Word


@dataclass(frozen=True, slots=True)
class Scope(Node):
    """``scope artifact``: the threat is about the model artifact and out of scope."""

    scope: Word


@dataclass(frozen=True, slots=True)
class Applies(Node):
    """``applies when tools, memory.write``: all of them hold of the agent's envelope."""

    facts: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Rights(Node):
    """``rights granted``: the attack uses what the agent may do; ``exceeded``: more than that."""

    state: Word


@dataclass(frozen=True, slots=True)
class Example(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Shown(Node):
    """``shown by mcp.manifest.unchanged, sdk.approval.recorded``: the primary evidence."""

    signals: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Layer(Node):
    """``layer gateway``: where it is detected."""

    name: Word


@dataclass(frozen=True, slots=True)
class Mitigation(Node):
    """``mitigation pinning``: the class of what is done about it."""

    name: Word


ThreatMember: TypeAlias = (
    ThreatOn | Says | Refs | Blast | Scope | Applies | Rights | Example | Shown | Layer | Mitigation
)


@dataclass(frozen=True, slots=True)
class Threat(Node):
    """``threat T07 tool-poisoning coercion { ... }``."""

    id: Name
    name: Name
    kind: Word  # coercion or compromise
    members: tuple[ThreatMember, ...]


@dataclass(frozen=True, slots=True)
class Fires(Node):
    """``fires when objectRef.resource == "secrets", "tokens"``: is, or is not, one of the values."""

    field: Word
    is_equal: bool
    values: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class Signal(Node):
    """``signal vault.read kube-audit { ... }``; the dots of the name are its own."""

    name: Name
    kind: Word
    members: tuple[Says | Fires, ...]


@dataclass(frozen=True, slots=True)
class Events(Node):
    """``events "threats/events.json"``: the log of what re-opens threats."""

    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class By(Node):
    """``by "tool descriptions pinned by digest"``."""

    text: String


@dataclass(frozen=True, slots=True)
class Evidence(Node):
    """``evidence signal mcp.manifest.unchanged holds for 14d``."""

    signal: Word
    holds: Duration


@dataclass(frozen=True, slots=True)
class Reopen(Node):
    """``reopen on mcp.connection.added, tool.surface.changed``."""

    events: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Replay(Node):
    """``replay "replays/t07.json"``: records of the attack, which the evidence must show."""

    files: tuple[String, ...]


@dataclass(frozen=True, slots=True)
class Close(Node):
    """``close T07 on support-desk [since 2026-08-20] { ... }``."""

    threat: Name
    subject: Name
    members: tuple[By | Evidence | Reopen | Replay, ...]
    since: Date | None = None


@dataclass(frozen=True, slots=True)
class Because(Node):
    text: String


@dataclass(frozen=True, slots=True)
class Approver(Node):
    contact: String


@dataclass(frozen=True, slots=True)
class Accept(Node):
    """``accept T12 on triage-bot [since 2026-08-01] until 2026-12-31 { ... }``."""

    threat: Name
    subject: Name
    until: Date
    members: tuple[Because | Approver | Reopen, ...]
    since: Date | None = None


class Comparison(StrEnum):
    LESS = "<"
    LESS_EQUAL = "<="
    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER_EQUAL = ">="
    GREATER = ">"


@dataclass(frozen=True, slots=True)
class Condition(Node):
    """``tier >= act``, ``class == support-desk`` or ``stage == enforce``."""

    subject: Word
    comparison: Comparison
    value: Name


@dataclass(frozen=True, slots=True)
class NoNew(Node):
    """``no new egress since "origin/main"``."""

    domain: Word
    since: String


@dataclass(frozen=True, slots=True)
class Reach(Node):
    """``never reach GRANT``: also through the agents that it delegates to."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Assertion(Node):
    """``assert NAME for every agent where COND and COND { ... }``."""

    name: Name
    conditions: tuple[Condition, ...]
    items: tuple[Never | Reach | NoNew, ...]


@dataclass(frozen=True, slots=True)
class Expectation(Node):
    """``expect deny triage-bot kube get on secrets [at 2026-12-31]``."""

    verdict: Word  # allow or deny
    agent: Name
    grant: Grant
    at: Date | None = None


@dataclass(frozen=True, slots=True)
class Test(Node):
    """``test "triage-bot cannot read secrets" { ... }``."""

    title: String
    expectations: tuple[Expectation, ...]

    __test__ = False  # pytest must not collect it


@dataclass(frozen=True, slots=True)
class Waive(Node):
    """``waive standard.secrets on triage-bot until 2026-12-31 because "SEC-1"``."""

    assertion: Name
    subject: Name
    until: Date
    because: String


@dataclass(frozen=True, slots=True)
class Widening(Node):
    """``approve wider egress, tools on bot by "lead@corp.example" on 2026-11-02 because "SEC-1"``."""

    domains: tuple[Word, ...]
    subject: Name
    by: String
    on: Date
    because: String


Declaration: TypeAlias = (
    Tiers
    | Cluster
    | Window
    | Mcp
    | Gateway
    | Store
    | Class
    | Agent
    | Threat
    | Signal
    | Close
    | Accept
    | Events
    | Assertion
    | Test
    | Waive
    | Widening
)


@dataclass(frozen=True, slots=True)
class File(Node):
    """One ``.agentpol`` file."""

    edition: Edition | None
    imports: tuple[Import, ...]
    declarations: tuple[Declaration, ...]
