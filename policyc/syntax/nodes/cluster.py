"""The facts of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from policyc.syntax.nodes.grants import PodsPeer
from policyc.syntax.nodes.leaves import Node, String, Word


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
