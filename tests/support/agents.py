"""Checked agents for lowering, from policy text: the way users make them."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from policyc.core.diagnostics import Diagnostic
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.lower import lower
from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.semantics.model import CheckedPolicy

AS_OF = date(2026, 9, 1)

FRAME = """edition 2026
tiers low < high
window standard {{
  {window}
}}
{more}
cluster {{
  manifests "cluster.yaml"
}}
mcp tracker {{
  at service mcp/tracker:8080
  tools read, write
  reviewed by "a@corp.example" on 2026-08-01 because "R-1"
}}
class base {{
  tier low
  cap {{
{cap}
  }}
{members}
}}
agent bot is base {{
  workload {workload}
  identity {namespace}/{name}
{lines}
}}
"""

MANIFESTS = """apiVersion: v1
kind: Service
metadata: {name: tracker, namespace: mcp}
spec:
  clusterIP: 10.96.0.40
  selector: {app: tracker}
  ports: [{port: 8080, targetPort: 9090}]
"""

WIDE = """    egress * * to anywhere
    ingress * * from anywhere
    kube * on *
    kube get on url "/*"
    syscalls profile all
    capabilities NET_BIND_SERVICE
    exec "/**"
    files read, write "/**"
    tool *: *
    model *
"""


def written(
    cap: str = WIDE,
    members: str = "",
    lines: str = "",
    workload: str = "Deployment demo/bot container main",
    window: str = "at least 1d",
    more: str = "",
) -> str:
    """The text of a policy of one agent."""
    _, namespace_name, *_ = workload.split()
    namespace, _, name = namespace_name.partition("/")
    return FRAME.format(
        cap=cap,
        members=members,
        lines=lines,
        workload=workload,
        namespace=namespace,
        name=name,
        window=window,
        more=more,
    )


def policy(cap: str = WIDE, *, manifests: str = MANIFESTS, **parts: str) -> CheckedPolicy:
    """The policy that ``written`` makes; AssertionError with the diagnostics when it has errors."""
    return policy_of(written(cap, **parts), manifests)


def policy_of(text: str, manifests: str = MANIFESTS) -> CheckedPolicy:
    """The policy of a whole text; AssertionError with the diagnostics when it has errors."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "p.agentpol").write_text(text, encoding="utf-8")
        (root / "cluster.yaml").write_text(manifests, encoding="utf-8")
        workspace = load(root)
        outcome = check(workspace.value)
    found = [*workspace.diagnostics, *outcome.diagnostics]
    assert not found, [d.message for d in found]
    return outcome.value


def lowered(policy_: CheckedPolicy, observed: Observed) -> tuple[Envelope, list[Diagnostic]]:
    outcome = lower(policy_.agents[0], observed, policy_, as_of=AS_OF)
    return outcome.value, outcome.diagnostics
