"""Cilium's agent and CNI plug-in, unchanged: they enforce NetworkPolicies between network namespaces.

``make network-plugin`` builds them.  docs/adr/0015-network-plugin.md says why Cilium and why this
version.
"""

from .agent import Agent, Attached
from .programs import find

__all__ = ["Agent", "Attached", "find"]
