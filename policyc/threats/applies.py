"""Which threats apply to an agent: a question about its envelope and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from policyc.envelope.domains import FILES, IDENTITY, KUBE, MEMORY
from policyc.envelope.model import Envelope
from policyc.semantics.catalogue import Catalogue, ThreatSpec

_KUBE_READS = KUBE.written({"verb": ("get", "list", "watch")})
_SECRETS = KUBE.written({"resource": "secrets"})
_ACCOUNTS = IDENTITY.written({"provider": "service-account"})
_FILE_WRITES = FILES.written({"mode": "write"})
_MEMORY_WRITES = MEMORY.written({"operation": ("write", "delete")})


def _has(*domains: str) -> Callable[[Envelope], bool]:
    return lambda envelope: any(envelope.domains[domain] for domain in domains)


def _writes_kube(envelope: Envelope) -> bool:
    return bool(envelope.domains["kube"] - _KUBE_READS)


def _has_cloud(envelope: Envelope) -> bool:
    return bool(envelope.domains["identity"] - _ACCOUNTS)


def _holds_identity(envelope: Envelope) -> bool:
    """A right that somebody else could use: of the API or of a cloud."""
    return bool(envelope.domains["kube"] or envelope.domains["kube_url"]) or _has_cloud(envelope)


FACTS: Mapping[str, Callable[[Envelope], bool]] = MappingProxyType(
    {
        "container": lambda envelope: envelope.subject.workload is not None,
        "delegates": lambda envelope: bool(envelope.delegates),
        "egress": _has("egress_ip", "egress_host", "egress_peer"),
        "exec": _has("exec"),
        "files.write": lambda e: bool(e.domains["files"] & _FILE_WRITES),
        "identity": _holds_identity,
        "identity.cloud": _has_cloud,
        "ingress": _has("ingress_ip", "ingress_peer"),
        "kube": _has("kube"),
        "kube.secrets": lambda e: bool(e.domains["kube"] & _SECRETS),
        "kube.write": _writes_kube,
        "managed": lambda envelope: envelope.subject.managed is not None,
        "memory": _has("memory"),
        "memory.write": lambda e: bool(e.domains["memory"] & _MEMORY_WRITES),
        "models": _has("models"),
        "tools": _has("tools"),
    }
)
"""The facts of ``policyc.catalog.vocabulary.FACTS``, decided."""

_BY_COMPONENT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inference": ("models",),
        "tools": ("tools", "delegates"),
        "memory": ("memory",),
        "identity": ("identity",),
        "substrate": ("container",),
    }
)
"""Category -> the facts of which one is enough, for a threat that says no more than its categories."""


def applies(threat: ThreatSpec, envelope: Envelope) -> bool:
    """Whether the threat is one of this agent's; never when it is about the model itself."""
    if threat.is_artifact:
        return False
    if threat.facts:
        return all(FACTS[fact](envelope) for fact in threat.facts)
    return any(
        FACTS[fact](envelope)
        for component in threat.components
        for fact in _BY_COMPONENT.get(component, ())
    )


def applicable(catalogue: Catalogue, envelope: Envelope) -> list[ThreatSpec]:
    """The threats of an agent, by id."""
    return [t for _, t in sorted(catalogue.threats.items()) if applies(t, envelope)]
