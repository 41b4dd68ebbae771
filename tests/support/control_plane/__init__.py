"""A Kubernetes control plane for tests and the demo: etcd, kube-apiserver, kube-controller-manager.

No kubelet and no scheduler: pods are admitted, stored and stay Pending.  ``make control-plane``
builds the programs.
"""

from .client import Answer, Client
from .plane import ControlPlane

__all__ = ["Answer", "Client", "ControlPlane"]
