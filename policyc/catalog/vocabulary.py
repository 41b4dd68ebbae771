"""The closed vocabularies of threats, closures and windows."""

from __future__ import annotations

COMPONENTS = ("inference", "tools", "memory", "identity", "substrate")
"""The five categories of components of an agent."""

FACTS = (
    "container",
    "delegates",
    "egress",
    "exec",
    "files.write",
    "identity",
    "identity.cloud",
    "ingress",
    "kube",
    "kube.secrets",
    "kube.write",
    "managed",
    "memory",
    "memory.write",
    "models",
    "tools",
)
"""What can be asked of an envelope to know whether a threat applies."""

BLAST = ("low", "medium", "high", "critical")

EVENTS: dict[str, tuple[str, ...]] = {
    "mcp.connection.added": ("tools",),
    "model.version.changed": ("inference",),
    "tool.surface.changed": ("tools",),
    "envelope.drift": COMPONENTS,
    "tier.changed": COMPONENTS,
    "vendor.signing.available": (),
    "image.changed": (),
    "identity.changed": (),
}
"""What re-opens a closed or accepted threat -> the categories whose threats it re-opens unasked.

The first five re-open every threat of their categories where a closure does not say on what
it re-opens; the others only where they are named.
"""

BEHAVIOURS = (
    "llm call",
    "tool call",
    "tool error",
    "tool denial",
    "delegation",
    "memory read",
    "memory write",
    "approval",
    "restart",
    "rollout",
)
"""What a window can ask to have been seen."""

RATED = ("syscalls", "egress", "files", "exec", "kube", "tools", "models", "capabilities")
"""The domains that a window can rate."""

FACETS = ("approvals", "cluster", "delegates", "pins", "pod", "stage", "workload")
"""What a change can loosen beside the domains of an envelope."""

DECISIONS = ("revoke", "justify", "accept")
"""What can be decided on a permission that is never used: each with a day on which it is due."""

STAGES = ("observe", "audit", "enforce")
STORE_KINDS = ("rag", "vector", "memory", "sql")
MANAGED_PROVIDERS = ("bedrock", "vertex", "foundry")

LAYERS = ("kernel", "network", "cluster", "cloud", "gateway", "framework", "supply-chain")
"""Where an attack is detected."""

MITIGATIONS = (
    "least-privilege",
    "isolation",
    "pinning",
    "approval",
    "validation",
    "provenance",
    "authentication",
    "monitoring",
    "limits",
)
"""The classes of what is done about a threat."""

RIGHTS = ("granted", "exceeded")
"""The authorisation state of an attack: it uses what the agent may do, or goes beyond it."""
