"""Grants, the peers in them, and the lines that hold one: cap, allow, deny, dormant and approve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policyc.syntax.nodes.leaves import (
    Date,
    Label,
    Name,
    Node,
    ObjectRef,
    Pattern,
    PortRange,
    String,
    Word,
)


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
