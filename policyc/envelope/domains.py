"""The behaviour domains, in the order of docs/explanation/envelope.md.

A domain is a name and its axes; everything else (algebra, codec, description,
laws) follows.
"""

from __future__ import annotations

from policyc.envelope.axes import (
    AddressAxis,
    EnumAxis,
    HostAxis,
    LabelAxis,
    PathAxis,
    PortAxis,
    TextAxis,
)
from policyc.envelope.region import Domain

PROTOCOLS = ("tcp", "udp", "sctp")
ARCHITECTURES = ("amd64", "arm64", "386", "arm", "ppc64le", "riscv64", "s390x")
"""GOARCH words, as node.status.nodeInfo.architecture has them; 386 and arm also for compat calls."""

_PROTOCOL = EnumAxis("protocol", PROTOCOLS)
_PORT = PortAxis("port")
_ADDRESS = AddressAxis("address")
_LABELS = {"namespace": LabelAxis("namespace"), "pod": LabelAxis("pod")}

IDENTITY = Domain(
    "identity",
    (EnumAxis("provider", ("service-account", "aws", "gke", "azure")), TextAxis("name")),
)
IMAGE = Domain("image", (TextAxis("reference"),))
TOOLS = Domain("tools", (TextAxis("server"), TextAxis("tool")))
MODELS = Domain("models", (TextAxis("model"), TextAxis("gateway")))
EGRESS_IP = Domain("egress_ip", (_PROTOCOL, _ADDRESS, _PORT))
EGRESS_HOST = Domain("egress_host", (_PROTOCOL, _PORT, HostAxis("host")))
EGRESS_PEER = Domain("egress_peer", (_PROTOCOL, _PORT), _LABELS)
INGRESS_IP = Domain("ingress_ip", (_PROTOCOL, _ADDRESS, _PORT))
INGRESS_PEER = Domain("ingress_peer", (_PROTOCOL, _PORT), _LABELS)
KUBE = Domain(
    "kube",
    (
        TextAxis("group"),
        TextAxis("resource"),
        TextAxis("verb"),
        TextAxis("namespace"),
        TextAxis("name"),
    ),
)
"""Resource requests as the authorizer sees them: an empty namespace is the cluster scope or all
namespaces, an empty name is a request that names no object (list, watch, create, deletecollection)."""
KUBE_URL = Domain("kube_url", (TextAxis("verb"), TextAxis("url")))
SYSCALLS = Domain("syscalls", (EnumAxis("architecture", ARCHITECTURES), TextAxis("name")))
CAPABILITIES = Domain("capabilities", (TextAxis("name"),))
EXEC = Domain("exec", (PathAxis("path"),))
FILES = Domain("files", (EnumAxis("mode", ("read", "write")), PathAxis("path")))
MEMORY = Domain(
    "memory",
    (TextAxis("store"), EnumAxis("operation", ("read", "write", "delete")), TextAxis("scope")),
)

DOMAINS: dict[str, Domain] = {
    d.name: d
    for d in (
        IDENTITY,
        IMAGE,
        TOOLS,
        MODELS,
        EGRESS_IP,
        EGRESS_HOST,
        EGRESS_PEER,
        INGRESS_IP,
        INGRESS_PEER,
        KUBE,
        KUBE_URL,
        SYSCALLS,
        CAPABILITIES,
        EXEC,
        FILES,
        MEMORY,
    )
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "egress": ("egress_ip", "egress_host", "egress_peer"),
    "ingress": ("ingress_ip", "ingress_peer"),
    "kube": ("kube", "kube_url"),
    **{
        name: (name,)
        for name in (
            "syscalls", "capabilities", "exec", "files", "tools", "models", "memory", "identity", "image",
        )
    },
}  # fmt: skip
"""The word that people say -> the domains that it speaks of; every domain is in one family."""
