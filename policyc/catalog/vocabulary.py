"""The closed vocabularies of threats, closures and windows."""

from __future__ import annotations

COMPONENTS = ("inference", "tools", "memory", "identity", "substrate")
"""The five categories of components of an agent."""

BLAST = ("low", "medium", "high", "critical")

SIGNALS: dict[str, str] = {
    "mcp.manifest.unchanged": "mcp",
    "mcp.server.signed": "mcp",
    "mcp.call.logged": "mcp",
    "mcp.scope.bound": "mcp",
    "envelope.deviation.none": "envelope",
    "envelope.enforced": "envelope",
    "egress.denied.logged": "envelope",
    "sdk.callback.received": "sdk",
    "sdk.approval.recorded": "sdk",
    "sdk.transition.logged": "sdk",
    "audit.secret.read.none": "kube-audit",
    "audit.token.request.none": "kube-audit",
    "audit.exec.none": "kube-audit",
    "audit.rbac.unchanged": "kube-audit",
    "iam.role.unchanged": "iam",
    "iam.assume.none": "iam",
    "syscall.denied.none": "syscall",
    "syscall.exec.shell.none": "syscall",
    "syscall.namespace.none": "syscall",
    "image.signature.verified": "kube-audit",
    "memory.write.reviewed": "sdk",
    "model.version.pinned": "sdk",
}
"""Signal -> its source: kube-audit, syscall, envelope, sdk, iam or mcp."""

EVENTS = (
    "mcp.connection.added",
    "model.version.changed",
    "tool.surface.changed",
    "envelope.drift",
    "tier.changed",
    "vendor.signing.available",
    "image.changed",
    "identity.changed",
)
"""What re-opens a closed or accepted threat."""

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

FACETS = ("approvals", "delegates", "pod", "stage", "workload")
"""What a change can loosen beside the domains of an envelope."""

DECISIONS = ("revoke", "justify", "accept")
"""What can be decided on a permission that is never used: each with a day on which it is due."""

STAGES = ("observe", "audit", "enforce")
STORE_KINDS = ("rag", "vector", "memory", "sql")
MANAGED_PROVIDERS = ("bedrock", "vertex", "foundry")

TAXONOMIES: dict[str, str] = {
    r"LLM\d\d:20(25|26)": "OWASP Top 10 for LLM Applications",
    r"ASI\d\d:2026": "OWASP Top 10 for Agentic Applications",
    r"MCP\d\d:2025": "OWASP MCP Top 10",
    r"AML\.T\d{4}(\.\d{3})?": "MITRE ATLAS",
    r"T\d{4}(\.\d{3})?": "MITRE ATT&CK",
}
"""Pattern of a reference that cannot be mistaken -> the list it is in."""

AMBIGUOUS: dict[str, tuple[str, str]] = {
    # OWASP Top 10 for LLM Applications: the 2025 list (2024-11-18); later lists number anew.
    "LLM01": ("LLM01:2025", "LLM01:2026"),
    "LLM02": ("LLM02:2025", "LLM02:2026"),
    "LLM03": ("LLM03:2025", "LLM03:2026"),
    "LLM04": ("LLM04:2025", "LLM04:2026"),
    "LLM05": ("LLM05:2025", "LLM05:2026"),
    "LLM06": ("LLM06:2025", "LLM06:2026"),
    "LLM07": ("LLM07:2025", "LLM07:2026"),
    "LLM08": ("LLM08:2025", "LLM08:2026"),
    "LLM09": ("LLM09:2025", "LLM09:2026"),
    "LLM10": ("LLM10:2025", "LLM10:2026"),
}
"""References without a year, and what each could mean."""
