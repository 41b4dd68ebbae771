"""Reconciliations as a document: ``policyc.dev/v1 ReconciliationReport``, without clock or host."""

from __future__ import annotations

from collections.abc import Sequence

from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic
from policyc.core.render import as_json
from policyc.reconcile.amplify import Amplification
from policyc.reconcile.delegation import Delegation
from policyc.reconcile.dormant import Dormant
from policyc.reconcile.permission import Permission
from policyc.reconcile.reach import Capability
from policyc.reconcile.reconciliation import Reconciliation


def document(
    reconciled: Sequence[Reconciliation],
    chains: Sequence[Delegation],
    found: Sequence[Diagnostic],
) -> Json:
    """Declared versus observed of several agents."""
    return {
        "apiVersion": "policyc.dev/v1",
        "kind": "ReconciliationReport",
        "agents": [_agent(one) for one in reconciled],
        "delegations": [_delegation(one) for one in chains],
        "diagnostics": as_json(found),
    }


def _agent(one: Reconciliation) -> Json:
    return {
        "agent": one.agent.name,
        "declared": [_permission(permission) for permission in one.declared],
        "used": one.used,
        "dormant": [_dormant(each) for each in one.dormant],
        "reachable": [_capability(capability) for capability in one.capabilities],
        "amplifications": [_amplification(each) for each in one.amplifications],
        "frameworks": [{"name": f.name, "version": f.version} for f in one.frameworks],
        "dangling": [f"{b} of {b.role[0]} {b.role[1]}" for b in one.dangling],
        "downstream": [*one.downstream],
    }


def _permission(one: Permission) -> Json:
    return {
        "name": one.name,
        "domain": one.domain,
        "grantedBy": [{"source": s.text, "shared": s.shared} for s in one.sources],
    }


def _dormant(one: Dormant) -> Json:
    decided = one.disposition
    return {
        "name": one.permission.name,
        "kind": one.kind.value,
        "certain": one.is_certain,
        "blast": {
            "level": one.blast.level.value,
            "score": one.blast.score,
            "data": one.blast.data,
            "system": one.blast.system,
            "scope": one.blast.scope,
            "downstream": one.blast.downstream,
        },
        "disposition": None
        if decided is None
        else {
            "decision": decided.decision,
            "until": decided.clause.until,
            "because": decided.clause.because,
        },
    }


def _capability(one: Capability) -> Json:
    return {
        "path": one.path,
        "action": one.action,
        "permission": one.permission,
        "because": one.because,
    }


def _amplification(one: Amplification) -> Json:
    return {
        "target": one.target,
        "surface": one.surface.value,
        "request": one.request,
        "account": one.right.account,
        "binding": one.right.binding,
        "through": one.right.through,
    }


def _delegation(one: Delegation) -> Json:
    return {
        "chain": [*one.chain],
        "authority": {name: [*region.describe()] for name, region in one.authority.items()},
        "beyond": {name: [*region.describe()] for name, region in one.beyond.items()},
    }
