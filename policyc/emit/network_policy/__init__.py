"""NetworkPolicy: networking.k8s.io/v1, default deny both ways."""

from policyc.emit.network_policy.emitter import NETWORK_POLICY

__all__ = ["NETWORK_POLICY"]
