"""What operators decide about admission; everything else follows from the policy."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.admission.verdict import Level


@dataclass(frozen=True, slots=True)
class Settings:
    """``home`` is our own namespace; ``operators`` are users who may change our objects.

    ``break_glass`` are users who may reach into agents: it is recorded and not refused.
    ``exec`` weighs exec, attach, port-forward and proxy by others, ``unknown_fields`` a
    field that this version does not know, ``no_limit`` a container without a memory
    limit; ``memory_limit`` is what mutation gives to one (empty: nothing).
    ``token_audiences`` are those of projected tokens that any agent may have, as ``kagent``
    for agents that kagent runs.
    ``secret_volumes`` and ``pull_secrets`` are ``namespace/name``; ``devices`` extended
    resources; ``seccomp_folder`` the kubelet's, below its root directory.
    """

    home: str = "policyc-system"
    operators: frozenset[str] = frozenset()
    shadow: Level = Level.WARN
    break_glass: frozenset[str] = frozenset()
    exec: Level = Level.DENY
    unknown_fields: Level = Level.DENY
    no_limit: Level = Level.WARN
    memory_limit: str = "1Gi"
    secret_volumes: frozenset[str] = frozenset()
    pull_secrets: frozenset[str] = frozenset()
    token_audiences: frozenset[str] = frozenset()
    csi_drivers: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    seccomp_folder: str = "/var/lib/kubelet/seccomp"
