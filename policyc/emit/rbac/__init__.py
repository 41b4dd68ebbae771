"""RBAC: a ServiceAccount of the agent's own, and roles with one rule a resource."""

from policyc.emit.rbac.emitter import RBAC, RbacEmitter

__all__ = ["RBAC", "RbacEmitter"]
